// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fork() promises: the child has its parent's private memory as it was at
 * the fork. The child's mapping of the pseudo-file is private; before the
 * parent's first write to a page after the fork, the page's content is saved
 * in the newest snapshot.
 *
 * A child that asks for a page looks into its own snapshot, then into each
 * newer one, then at the live page: the first copy saved after its fork is
 * what the page held at its fork.
 */
#include <linux/highmem.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "tree.h"

struct tracker_family *tracker_family_create(void)
{
	struct tracker_family *family = kzalloc(sizeof(*family), GFP_KERNEL);

	if (!family)
		return NULL;
	kref_init(&family->kref);
	init_rwsem(&family->lock);
	INIT_LIST_HEAD(&family->snapshots);
	xa_init(&family->sources);
	return family;
}

static void tracker_family_release(struct kref *kref)
{
	struct tracker_family *family =
		container_of(kref, struct tracker_family, kref);

	tracker_sources_destroy(family);
	kfree(family);
}

void tracker_family_put(struct tracker_family *family)
{
	kref_put(&family->kref, tracker_family_release);
}

bool tracker_family_has_snapshots(struct tracker_family *family)
{
	return READ_ONCE(family->nr_snapshots) != 0;
}

/**
 * tracker_family_end - what the forked children can ask for
 * @family: the fork family
 *
 * Return: 0 without children, else a page from which on no child maps anything.
 */
pgoff_t tracker_family_end(struct tracker_family *family)
{
	struct tracker_snapshot *snapshot;
	pgoff_t end = 0;

	down_read(&family->lock);
	list_for_each_entry(snapshot, &family->snapshots, node)
		end = max(end, snapshot->end);
	up_read(&family->lock);
	return end;
}

/**
 * tracker_snapshot_create - what a child sees that is being forked
 * @session: the parent's
 * @mm: the child
 *
 * Return: the snapshot, or NULL.
 */
struct tracker_snapshot *tracker_snapshot_create(struct tracker_session *session,
						 struct mm_struct *mm)
{
	struct tracker_family *family = session->family;
	struct tracker_snapshot *snapshot;

	snapshot = kzalloc(sizeof(*snapshot), GFP_KERNEL);
	if (!snapshot)
		return NULL;
	xa_init(&snapshot->pages);
	INIT_LIST_HEAD(&snapshot->heirs);
	mmgrab(mm);
	snapshot->mm = mm;
	snapshot->end = READ_ONCE(session->next_base);
	snapshot->session = tracker_session_get(session);
	kref_get(&family->kref);
	snapshot->family = family;
	down_write(&family->lock);
	list_add_tail(&snapshot->node, &family->snapshots);
	WRITE_ONCE(family->nr_snapshots, family->nr_snapshots + 1);
	up_write(&family->lock);
	return snapshot;
}

/*
 * An older fork reaches a page saved here if it has none of its own, so the
 * next older snapshot inherits what it lacks. Caller holds family->lock for
 * writing.
 */
static void __tracker_snapshot_bequeath(struct tracker_snapshot *snapshot)
{
	struct tracker_snapshot *older = NULL;
	struct page *page;
	unsigned long index;

	if (!list_is_first(&snapshot->node, &snapshot->family->snapshots))
		older = list_prev_entry(snapshot, node);
	xa_for_each(&snapshot->pages, index, page) {
		/*
		 * __GFP_NOFAIL: one tree node, and there is no way back: the
		 * older child would see its parent's later writes.
		 */
		if (older && !xa_load(&older->pages, index))
			xa_store(&older->pages, index, page,
				 GFP_KERNEL | __GFP_NOFAIL);
		else
			put_page(page);
		cond_resched();
	}
}

void tracker_snapshot_destroy(struct tracker_snapshot *snapshot)
{
	struct tracker_family *family = snapshot->family;

	down_write(&family->lock);
	__tracker_snapshot_bequeath(snapshot);
	list_del(&snapshot->node);
	WRITE_ONCE(family->nr_snapshots, family->nr_snapshots - 1);
	up_write(&family->lock);
	xa_destroy(&snapshot->pages);
	mmdrop(snapshot->mm);
	tracker_session_put(snapshot->session);
	kfree(snapshot);
	tracker_family_put(family);
}

/**
 * tracker_snapshot_lookup - a page as it was at a fork
 * @snapshot: the fork
 * @pgoff: page of the pseudo-file
 *
 * Return: the saved page with a reference, or NULL if the parent has not
 * written it since; that answer holds only under the live page's lock.
 */
struct page *tracker_snapshot_lookup(struct tracker_snapshot *snapshot,
				     pgoff_t pgoff)
{
	struct tracker_family *family = snapshot->family;
	struct page *page = NULL;

	down_read(&family->lock);
	list_for_each_entry_from(snapshot, &family->snapshots, node) {
		page = xa_load(&snapshot->pages, pgoff);
		if (page) {
			get_page(page);
			break;
		}
	}
	up_read(&family->lock);
	return page;
}

/* The first page of a range that a child does not find in its live parent. */
pgoff_t tracker_snapshot_next(struct tracker_snapshot *snapshot, pgoff_t start,
			      pgoff_t end)
{
	struct tracker_family *family = snapshot->family;
	unsigned long index;

	down_read(&family->lock);
	list_for_each_entry_from(snapshot, &family->snapshots, node) {
		index = start;
		if (start < end &&
		    xa_find(&snapshot->pages, &index, end - 1, XA_PRESENT))
			end = index;
	}
	up_read(&family->lock);
	return end;
}

/* Logs, for a child that is tracked now, where its parent has written since. */
void tracker_snapshot_log(struct tracker_snapshot *snapshot,
			  struct tracker_session *session, pgoff_t start,
			  pgoff_t end)
{
	while ((start = tracker_snapshot_next(snapshot, start, end)) < end) {
		if (tracker_log_add(&session->log, start++))
			tracker_log_overflow(&session->log);
		cond_resched();
	}
}

void tracker_snapshot_add_heir(struct tracker_snapshot *snapshot,
			       struct tracker_session *session)
{
	down_write(&snapshot->family->lock);
	list_add_tail(&session->origin_node, &snapshot->heirs);
	up_write(&snapshot->family->lock);
}

void tracker_snapshot_remove_heir(struct tracker_snapshot *snapshot,
				  struct tracker_session *session)
{
	down_write(&snapshot->family->lock);
	list_del_init(&session->origin_node);
	up_write(&snapshot->family->lock);
}

/*
 * A child that is tracked has a page other than its parent from now on. Until
 * its first round is stored, the images may have taken it for the parent's.
 */
static void __tracker_snapshot_tell(struct tracker_snapshot *snapshot,
				    pgoff_t pgoff)
{
	struct tracker_session *heir;

	smp_mb(); /* pairs with tracker_origin_inherit() */
	list_for_each_entry(heir, &snapshot->heirs, origin_node)
		if (READ_ONCE(heir->is_new) &&
		    mtree_load(&heir->inherited, pgoff) &&
		    tracker_log_add(&heir->log, pgoff))
			tracker_log_overflow(&heir->log);
}

/* @newest has got a page; older snapshots find it there if they have none. */
static void __tracker_family_tell(struct tracker_family *family,
				  struct tracker_snapshot *newest, pgoff_t pgoff)
{
	struct tracker_snapshot *snapshot = newest;

	__tracker_snapshot_tell(newest, pgoff);
	list_for_each_entry_continue_reverse(snapshot, &family->snapshots, node) {
		if (xa_load(&snapshot->pages, pgoff))
			break;
		__tracker_snapshot_tell(snapshot, pgoff);
	}
}

static bool __tracker_snapshot_has_heir(struct tracker_snapshot *snapshot,
					pgoff_t pgoff)
{
	struct tracker_session *heir;

	list_for_each_entry(heir, &snapshot->heirs, origin_node)
		if (mtree_load(&heir->inherited, pgoff))
			return true;
	return false;
}

/* Does a child that is tracked have the live page? */
bool tracker_family_has_heir(struct tracker_family *family, pgoff_t pgoff)
{
	struct tracker_snapshot *snapshot;
	bool has_heir = false;

	if (!tracker_family_has_snapshots(family))
		return false;
	down_read(&family->lock);
	list_for_each_entry_reverse(snapshot, &family->snapshots, node) {
		/* Older ones find what was saved here. */
		if (has_heir || xa_load(&snapshot->pages, pgoff))
			break;
		has_heir = __tracker_snapshot_has_heir(snapshot, pgoff);
	}
	up_read(&family->lock);
	return has_heir;
}

static int tracker_family_save_copy(struct tracker_snapshot *newest,
				    struct page *live, pgoff_t pgoff, gfp_t gfp)
{
	struct page *copy = tracker_donor_create(live, gfp);
	int err;

	if (!copy)
		return -ENOMEM;
	err = xa_err(xa_store(&newest->pages, pgoff, copy, gfp));
	if (err)
		put_page(copy);
	return err;
}

/**
 * tracker_family_save - keep a page's content for the forked children
 * @family: the fork family
 * @folio: the live page, locked, about to change
 * @pgoff: its place in the pseudo-file
 * @gfp: for the copy
 *
 * Return: 1 if the content was saved, 0 if no child needs it, -ENOMEM.
 */
int tracker_family_save(struct tracker_family *family, struct folio *folio,
			pgoff_t pgoff, gfp_t gfp)
{
	struct tracker_snapshot *newest;
	int ret = 0;

	down_read(&family->lock);
	if (!list_empty(&family->snapshots)) {
		newest = list_last_entry(&family->snapshots,
					 struct tracker_snapshot, node);
		if (pgoff < newest->end && !xa_load(&newest->pages, pgoff)) {
			ret = tracker_family_save_copy(newest,
						       folio_file_page(folio, pgoff),
						       pgoff, gfp);
			if (!ret) {
				__tracker_family_tell(family, newest, pgoff);
				ret = 1;
			}
		}
	}
	up_read(&family->lock);
	return ret;
}

/**
 * tracker_family_keep - keep a page for the forked children
 * @family: the fork family
 * @page: a page that does not change, which the session is about to give up
 * @pgoff: its place in the pseudo-file
 *
 * As tracker_family_save(), without a copy. Return: 0 or -ENOMEM.
 */
int tracker_family_keep(struct tracker_family *family, struct page *page,
			pgoff_t pgoff)
{
	struct tracker_snapshot *newest;
	int err = 0;

	down_read(&family->lock);
	if (!list_empty(&family->snapshots)) {
		newest = list_last_entry(&family->snapshots,
					 struct tracker_snapshot, node);
		if (pgoff < newest->end && !xa_load(&newest->pages, pgoff)) {
			err = xa_err(xa_store(&newest->pages, pgoff, page,
					      GFP_KERNEL));
			if (!err) {
				get_page(page);
				__tracker_family_tell(family, newest, pgoff);
			}
		}
	}
	up_read(&family->lock);
	return err;
}
