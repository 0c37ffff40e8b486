// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fork() promises: the child has its parent's private memory as it was at
 * the fork. The child's mapping of the pseudo-file is private; before the
 * parent's first write to a page after the fork, the page's content is saved
 * in the newest snapshot.
 *
 * A child that asks for a page gets the first one that was saved since its fork,
 * or else the live page: that is what the page held at its fork. What is saved is
 * in one tree, by page and snapshot, so that it is found as fast with hundreds of
 * children as with one.
 */
#include <linux/highmem.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "donor.h"
#include "saved.h"
#include "source.h"

struct tracker_family *tracker_family_create(void)
{
	struct tracker_family *family = kzalloc(sizeof(*family), GFP_KERNEL);

	if (!family)
		return NULL;
	kref_init(&family->kref);
	init_rwsem(&family->lock);
	INIT_LIST_HEAD(&family->snapshots);
	INIT_LIST_HEAD(&family->heirs);
	INIT_LIST_HEAD(&family->new_heirs);
	family->saved = RB_ROOT;
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

/* The newest one, or NULL. Caller holds family->lock. */
static struct tracker_snapshot *
tracker_family_newest(struct tracker_family *family)
{
	if (list_empty(&family->snapshots))
		return NULL;
	return list_last_entry(&family->snapshots, struct tracker_snapshot, node);
}

/**
 * tracker_family_end - what the forked children can ask for
 * @family: the fork family
 *
 * Return: 0 without children, else a page from which on no child maps anything.
 */
pgoff_t tracker_family_end(struct tracker_family *family)
{
	struct tracker_snapshot *newest;
	pgoff_t end;

	down_read(&family->lock);
	/* The parent's regions only become more. */
	newest = tracker_family_newest(family);
	end = newest ? newest->end : 0;
	up_read(&family->lock);
	return end;
}

/* ---- snapshots ---------------------------------------------------------- */

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
	INIT_LIST_HEAD(&snapshot->saved);
	mmgrab(mm);
	snapshot->mm = mm;
	snapshot->end = READ_ONCE(session->next_base);
	snapshot->session = tracker_session_get(session);
	kref_get(&family->kref);
	snapshot->family = family;
	down_write(&family->lock);
	snapshot->serial = ++family->last_serial;
	list_add_tail(&snapshot->node, &family->snapshots);
	WRITE_ONCE(family->nr_snapshots, family->nr_snapshots + 1);
	up_write(&family->lock);
	tracker_tree_add_fork(session);
	return snapshot;
}

/*
 * An older fork reaches a page saved here if it has none of its own, so the
 * next older snapshot inherits what it lacks. In the tree that changes no order:
 * there is nothing between the two. Caller holds family->lock for writing.
 */
static void tracker_snapshot_bequeath(struct tracker_snapshot *snapshot)
{
	struct tracker_family *family = snapshot->family;
	struct tracker_snapshot *older = NULL;
	struct tracker_saved *saved, *next;

	if (!list_is_first(&snapshot->node, &family->snapshots))
		older = list_prev_entry(snapshot, node);
	list_for_each_entry_safe(saved, next, &snapshot->saved, list) {
		if (!older || tracker_saved_at(family, saved->pgoff,
					       older->serial) != saved) {
			tracker_saved_erase(family, saved);
		} else {
			saved->serial = older->serial;
			list_move_tail(&saved->list, &older->saved);
		}
		cond_resched();
	}
}

void tracker_snapshot_destroy(struct tracker_snapshot *snapshot)
{
	struct tracker_family *family = snapshot->family;

	tracker_tree_remove_fork(snapshot->session);
	down_write(&family->lock);
	tracker_snapshot_bequeath(snapshot);
	list_del(&snapshot->node);
	WRITE_ONCE(family->nr_snapshots, family->nr_snapshots - 1);
	up_write(&family->lock);
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
	struct tracker_saved *saved;
	struct page *page = NULL;

	down_read(&family->lock);
	saved = tracker_saved_at(family, pgoff, snapshot->serial);
	if (saved) {
		page = saved->page;
		get_page(page);
	}
	up_read(&family->lock);
	return page;
}

/* So many pages are passed over before others may save. */
#define TRACKER_PASS_PAGES	256

/*
 * Pages of which only older children need what was saved are passed over. Caller
 * holds family->lock. Return: whether *start is what was looked for, or else where
 * to go on.
 */
static bool tracker_snapshot_pass(struct tracker_snapshot *snapshot,
				  pgoff_t *start, pgoff_t end)
{
	struct tracker_saved *saved;
	int i;

	for (i = 0; i < TRACKER_PASS_PAGES; i++) {
		saved = tracker_saved_find(snapshot->family, *start,
					   snapshot->serial);
		if (!saved || saved->pgoff >= end) {
			*start = end;
			return true;
		}
		*start = saved->pgoff;
		if (saved->serial >= snapshot->serial)
			return true;
	}
	return false;
}

/* The first page of a range that a child does not find in its live parent. */
pgoff_t tracker_snapshot_next(struct tracker_snapshot *snapshot, pgoff_t start,
			      pgoff_t end)
{
	struct tracker_family *family = snapshot->family;
	bool is_done;

	do {
		down_read(&family->lock);
		is_done = tracker_snapshot_pass(snapshot, &start, end);
		up_read(&family->lock);
		cond_resched();
	} while (!is_done);
	return start;
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

/* ---- heirs -------------------------------------------------------------- */

void tracker_snapshot_add_heir(struct tracker_snapshot *snapshot,
			       struct tracker_session *session)
{
	struct tracker_family *family = snapshot->family;
	struct tracker_session *heir;

	down_write(&family->lock);
	list_add(&session->new_node, &family->new_heirs);
	/* Mostly it is the newest one of all. */
	list_for_each_entry(heir, &family->heirs, heir_node)
		if (tracker_origin(heir)->serial < snapshot->serial)
			break;
	list_add_tail(&session->heir_node, &heir->heir_node);
	up_write(&family->lock);
}

void tracker_snapshot_remove_heir(struct tracker_snapshot *snapshot,
				  struct tracker_session *session)
{
	down_write(&snapshot->family->lock);
	list_del_init(&session->heir_node);
	list_del_init(&session->new_node);
	up_write(&snapshot->family->lock);
}

/*
 * Children that are tracked, and see what has just been saved, have another page
 * than their parent from now on. Until the first round of one is stored, the
 * images may have taken it for the parent's. Caller holds family->lock for
 * writing.
 */
static void tracker_family_tell(struct tracker_family *family,
				struct tracker_saved *saved)
{
	struct tracker_session *heir, *next;
	u64 serial;

	smp_mb(); /* pairs with tracker_origin_inherit() */
	list_for_each_entry_safe(heir, next, &family->new_heirs, new_node) {
		if (!READ_ONCE(heir->is_new)) {
			list_del_init(&heir->new_node);
			continue;
		}
		serial = tracker_origin(heir)->serial;
		if (tracker_saved_at(family, saved->pgoff, serial) == saved &&
		    mtree_load(&heir->inherited, saved->pgoff) &&
		    tracker_log_add(&heir->log, saved->pgoff))
			tracker_log_overflow(&heir->log);
	}
}

/* Does a child that is tracked have the live page? */
bool tracker_family_has_heir(struct tracker_family *family, pgoff_t pgoff)
{
	struct tracker_snapshot *snapshot;
	struct tracker_session *heir;
	bool has_heir = false;

	if (!tracker_family_has_snapshots(family))
		return false;
	down_read(&family->lock);
	list_for_each_entry(heir, &family->heirs, heir_node) {
		snapshot = tracker_origin(heir);
		/* Older ones have no such region either, or see what was saved. */
		if (pgoff >= snapshot->end ||
		    tracker_saved_at(family, pgoff, snapshot->serial))
			break;
		has_heir = mtree_load(&heir->inherited, pgoff);
		if (has_heir)
			break;
	}
	up_read(&family->lock);
	return has_heir;
}

/* ---- saving ------------------------------------------------------------- */

/* Has the newest snapshot, if there is one, to have this page? */
static bool tracker_family_needs(struct tracker_family *family, pgoff_t pgoff)
{
	struct tracker_snapshot *newest;
	bool is_needed;

	down_read(&family->lock);
	newest = tracker_family_newest(family);
	is_needed = newest && pgoff < newest->end &&
		    !tracker_saved_at(family, pgoff, newest->serial);
	up_read(&family->lock);
	return is_needed;
}

/* Takes @saved over. Return: 1, or 0 if no child needs it any more. */
static int tracker_family_add(struct tracker_family *family,
			      struct tracker_saved *saved)
{
	struct tracker_snapshot *newest;
	int ret = 0;

	down_write(&family->lock);
	newest = tracker_family_newest(family);
	if (newest && saved->pgoff < newest->end &&
	    !tracker_saved_at(family, saved->pgoff, newest->serial)) {
		saved->serial = newest->serial;
		tracker_saved_insert(newest, saved);
		tracker_family_tell(family, saved);
		ret = 1;
	}
	up_write(&family->lock);
	if (!ret)
		tracker_saved_free(saved);
	return ret;
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
	struct tracker_saved *saved;
	struct page *copy;

	if (!tracker_family_needs(family, pgoff))
		return 0;
	copy = tracker_donor_create(folio_file_page(folio, pgoff), gfp);
	saved = tracker_saved_create(copy, pgoff, gfp);
	return saved ? tracker_family_add(family, saved) : -ENOMEM;
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
	struct tracker_saved *saved;

	if (!tracker_family_needs(family, pgoff))
		return 0;
	get_page(page);
	saved = tracker_saved_create(page, pgoff, GFP_KERNEL);
	if (!saved)
		return -ENOMEM;
	tracker_family_add(family, saved);
	return 0;
}
