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

#include "tracker.h"

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

struct tracker_snapshot *tracker_snapshot_create(struct tracker_family *family,
						 struct mm_struct *mm,
						 pgoff_t end)
{
	struct tracker_snapshot *snapshot;

	snapshot = kzalloc(sizeof(*snapshot), GFP_KERNEL);
	if (!snapshot)
		return NULL;
	xa_init(&snapshot->pages);
	mmgrab(mm);
	snapshot->mm = mm;
	snapshot->end = end;
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

static int tracker_family_save_copy(struct tracker_snapshot *newest,
				    struct page *live, pgoff_t pgoff, gfp_t gfp)
{
	struct page *copy = alloc_page(gfp | __GFP_HIGHMEM | __GFP_ACCOUNT);
	int err;

	if (!copy)
		return -ENOMEM;
	copy_highpage(copy, live);
	__SetPageUptodate(copy);
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
			if (!ret)
				ret = 1;
		}
	}
	up_read(&family->lock);
	return ret;
}
