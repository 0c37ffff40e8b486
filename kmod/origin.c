// SPDX-License-Identifier: GPL-2.0-only
/*
 * Origins: a forked child of a target becomes a target itself. Its mappings of
 * its parent's pseudo-file are replaced by its own, page for page at the same
 * places. What it has written since the fork is copied; the rest it inherits
 * (donor.c), so that neither the fork nor the swap costs what is mapped.
 */
#include <linux/file.h>
#include <linux/sched/mm.h>

#include "source.h"
#include "tree.h"

static struct tracker_snapshot *tracker_origin(struct tracker_session *session)
{
	return session->origin->private_data;
}

/**
 * tracker_origin_find - is an mm the child of a target?
 * @mm: the mm
 *
 * Return: what stands for the fork, with a reference, NULL, or an ERR_PTR.
 */
struct file *tracker_origin_find(struct mm_struct *mm)
{
	struct file *origin = NULL;
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	if (mmap_read_lock_killable(mm))
		return ERR_PTR(-EINTR);
	for_each_vma(vmi, vma) {
		if (!tracker_vma_is_child(vma))
			continue;
		origin = get_file(vma->vm_file);
		break;
	}
	mmap_read_unlock(mm);
	return origin;
}

/**
 * tracker_origin_adopt - a new session is a forked child's
 * @session: the session, which nobody else knows yet
 * @origin: of tracker_origin_find(), or NULL; the reference is given up
 * @tree: the tree that it is to be in, or NULL. A child is in its parent's.
 *
 * Return: 0 or -ENOMEM.
 */
int tracker_origin_adopt(struct tracker_session *session, struct file *origin,
			 struct tracker_tree *tree)
{
	struct tracker_snapshot *snapshot;

	if (!origin) {
		session->tree = tree ? tracker_tree_get(tree) :
				       tracker_tree_create();
		return session->tree ? 0 : -ENOMEM;
	}
	session->origin = origin;
	snapshot = tracker_origin(session);
	session->tree = tracker_tree_get(snapshot->session->tree);
	session->next_base = snapshot->end;
	/* Regions have the parent's numbers; it may have more by now. */
	session->last_region = READ_ONCE(snapshot->session->last_region);
	WRITE_ONCE(session->tree->is_shared, true);
	session->is_related = true;
	session->is_new = true;
	tracker_snapshot_add_heir(snapshot, session);
	return 0;
}

void tracker_origin_release(struct tracker_session *session)
{
	if (session->origin) {
		tracker_snapshot_remove_heir(tracker_origin(session), session);
		fput(session->origin);
	}
	tracker_tree_put(session->tree);
}

/* The parent's session. */
void tracker_origin_id(struct tracker_session *session, u8 *id)
{
	memcpy(id, tracker_origin(session)->session->id, sizeof(session->id));
}

/* Part of its parent's memory, as it was at the fork. Caller holds mmap_lock. */
bool tracker_vma_is_heir(struct tracker_session *session,
			 const struct vm_area_struct *vma)
{
	return session->origin && tracker_vma_is_child(vma) &&
	       vma->vm_file == session->origin;
}

/*
 * A child's first round takes what is mapped of the parent's regions for what the
 * parent has there. Return: whether it would of this page.
 */
bool tracker_origin_is_assumed(struct tracker_session *session, pgoff_t pgoff)
{
	return session->origin && READ_ONCE(session->is_new) &&
	       pgoff < tracker_origin(session)->end;
}

/* What the mapping was for the parent. Caller holds mmap_lock. */
static struct tracker_region *
tracker_origin_region(struct tracker_session *session, pgoff_t pgoff)
{
	return tracker_region_lookup(tracker_origin(session)->session, pgoff);
}

u16 tracker_origin_kind(struct tracker_session *session,
			const struct vm_area_struct *vma)
{
	struct tracker_region *region =
		tracker_origin_region(session, vma->vm_pgoff);

	return region ? region->kind : TRACKER_KIND_SPECIAL;
}

static int tracker_origin_source(struct tracker_session *session,
				 struct tracker_region *region)
{
	struct tracker_source *source =
		tracker_source_lookup(tracker_origin(session)->family,
				      region->base);

	if (!source || tracker_source_lookup(session->family, region->base))
		return 0;
	return tracker_source_create(session, source->file, source->base,
				     source->nr_pages, source->index);
}

/**
 * tracker_origin_inherit - give a session its parent's pages
 * @session: the session, locked; the target is stopped
 * @start: first page of the pseudo-file, in one region of the parent's
 * @end: page after the last one
 *
 * What is different since the fork is logged.
 *
 * Return: 0 or -errno.
 */
int tracker_origin_inherit(struct tracker_session *session, pgoff_t start,
			   pgoff_t end)
{
	struct tracker_region *region = tracker_origin_region(session, start);
	int err;

	if (!region || end > region->base + region->nr_pages)
		return -EINVAL;
	err = tracker_region_inherit(session, region);
	if (!err)
		err = tracker_origin_source(session, region);
	if (err)
		return err;
	mutex_lock(&session->tree->lock);
	err = mtree_store_range(&session->inherited, start, end - 1,
				xa_mk_value(1), GFP_KERNEL);
	mutex_unlock(&session->tree->lock);
	smp_mb(); /* who saves a page from here on tells us */
	if (!err)
		tracker_snapshot_log(tracker_origin(session), session, start,
				     end);
	return err;
}
