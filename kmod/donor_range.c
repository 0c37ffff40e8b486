// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges of a session that has donors or inherits: which pages have content, and
 * how they are given up.
 */
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>

#include "donor.h"

/* ---- what there is ----------------------------------------------------- */

static pgoff_t tracker_first_of(struct xarray *pages, pgoff_t start, pgoff_t end)
{
	unsigned long index = start;

	if (start < end && xa_find(pages, &index, end - 1, XA_PRESENT))
		return index;
	return end;
}

/* The first page that a session has without its parent. */
static pgoff_t tracker_donor_next_own(struct tracker_session *session,
				      pgoff_t start, pgoff_t end)
{
	end = tracker_first_of(&session->inode->i_mapping->i_pages, start, end);
	return tracker_first_of(&session->donors, start, end);
}

/* Do all sessions from @session up to @last inherit the page? */
static bool tracker_inherits_up_to(struct tracker_session *session,
				   struct tracker_session *last, pgoff_t pgoff)
{
	for (;;) {
		if (!tracker_inherits(session, pgoff))
			return false;
		if (session == last)
			return true;
		session = tracker_origin(session)->session;
	}
}

/* What in [*first, *last] is inherited: a part of it. Return: false if nothing. */
static bool tracker_donor_next_inherited(struct tracker_session *session,
					 unsigned long *first,
					 unsigned long *last)
{
	MA_STATE(mas, &session->inherited, *first, *first);
	bool found;

	if (!session->origin)
		return false;
	mtree_lock(&session->inherited);
	found = mas_find(&mas, *last);
	if (found) {
		*first = max(mas.index, *first);
		*last = min(mas.last, *last);
	}
	mtree_unlock(&session->inherited);
	return found;
}

typedef pgoff_t (*tracker_next_t)(struct tracker_snapshot *snapshot,
				  pgoff_t start, pgoff_t end);

/* The first page that the parent of a child still has. */
static pgoff_t tracker_donor_next_live(struct tracker_snapshot *snapshot,
				       pgoff_t start, pgoff_t end)
{
	return tracker_donor_next_own(snapshot->session, start, end);
}

/* The first page that is inherited, of those that @find finds. */
static pgoff_t tracker_donor_next_of(struct tracker_session *session,
				     pgoff_t start, pgoff_t best,
				     tracker_next_t find)
{
	struct tracker_session *child;
	struct tracker_snapshot *snapshot;
	pgoff_t next;

	for (child = session; child->origin; child = snapshot->session) {
		snapshot = tracker_origin(child);
		for (next = start; next < best; next++) {
			next = find(snapshot, next, best);
			if (next < best &&
			    tracker_inherits_up_to(session, child, next))
				best = next;
			cond_resched();
		}
	}
	return best;
}

/* So many pages are looked at first, and twice as many each time after that. */
#define TRACKER_NEXT_PAGES	16

/*
 * As tracker_page_next(). Caller holds tree->lock.
 *
 * The parents may still have, and have saved for others, any number of pages that
 * this session does not inherit. So that the way to the next page costs no more
 * than how far it is, the range is looked at piece by piece. In each, what the
 * parents still have comes first: no page is missed that is being written, for it
 * is saved before it goes.
 */
pgoff_t tracker_donor_next(struct tracker_session *session, pgoff_t start,
			   pgoff_t end)
{
	pgoff_t next, stop, step = TRACKER_NEXT_PAGES;

	end = tracker_donor_next_own(session, start, end);
	for (; start < end; start = stop) {
		stop = end - start > step ? start + step : end;
		next = tracker_donor_next_of(session, start, stop,
					     tracker_donor_next_live);
		next = tracker_donor_next_of(session, start, next,
					     tracker_snapshot_next);
		if (next < stop)
			return next;
		step *= 2;
	}
	return end;
}

/**
 * tracker_page_next - the first page of a range that has content
 * @session: a session
 * @start: first page
 * @end: page after the last one
 *
 * Return: the page, or @end. What is behind the mapping does not count.
 */
pgoff_t tracker_page_next(struct tracker_session *session, pgoff_t start,
			  pgoff_t end)
{
	pgoff_t next;

	if (!READ_ONCE(session->is_related))
		return tracker_first_of(&session->inode->i_mapping->i_pages,
					start, end);
	mutex_lock(&session->tree->lock);
	next = tracker_donor_next(session, start, end);
	mutex_unlock(&session->tree->lock);
	return next;
}

/**
 * tracker_page_get - the page with the content of a page
 * @session: a session
 * @pgoff: page of the pseudo-file, for which tracker_page_next() has been asked
 *
 * Return: a page with a reference, or an ERR_PTR.
 */
struct page *tracker_page_get(struct tracker_session *session, pgoff_t pgoff)
{
	struct address_space *mapping = session->inode->i_mapping;
	struct page *page;

	if (!READ_ONCE(session->is_related))
		return shmem_read_mapping_page_gfp(mapping, pgoff, TRACKER_GFP);
	/* Under one lock: what is found missing must not become a page of zeros. */
	mutex_lock(&session->tree->lock);
	page = __tracker_donor_find(session, pgoff);
	if (!page)
		page = shmem_read_mapping_page_gfp(mapping, pgoff, TRACKER_GFP);
	mutex_unlock(&session->tree->lock);
	return page;
}

/* ---- forgetting -------------------------------------------------------- */

static void tracker_donor_log(struct tracker_session *session, pgoff_t pgoff)
{
	if (tracker_log_add(&session->log, pgoff))
		tracker_log_overflow(&session->log);
}

/*
 * A range is inherited no more; pages that there were are logged afterwards.
 * __GFP_NOFAIL: one tree node, and there is no way back: what the target has
 * dropped would come back.
 */
static void tracker_donor_disinherit_range(struct tracker_session *session,
					   pgoff_t start, pgoff_t end)
{
	pgoff_t page;

	while (start < end) {
		page = tracker_donor_next(session, start, end);
		mtree_store_range(&session->inherited, start,
				  min(page, end - 1), NULL,
				  GFP_KERNEL | __GFP_NOFAIL);
		if (page < end)
			tracker_donor_log(session, page);
		start = page + 1;
		cond_resched();
	}
}

static void tracker_donor_disinherit(struct tracker_session *session,
				     pgoff_t start, pgoff_t end)
{
	unsigned long first = start, last = end - 1;

	while (tracker_donor_next_inherited(session, &first, &last)) {
		tracker_donor_disinherit_range(session, first, last + 1);
		first = last + 1;
		last = end - 1;
		if (first > last)
			break;
	}
}

/**
 * __tracker_donors_keep - keep what forked children may ask for
 * @session: a related session; the caller holds tree->lock
 * @start: first page that the session is about to give up
 * @end: page after the last one
 *
 * Only what is not in the pseudo-file.
 *
 * Return: 0 or -ENOMEM.
 */
int __tracker_donors_keep(struct tracker_session *session, pgoff_t start,
			  pgoff_t end)
{
	struct page *page;
	int err = 0;

	if (!tracker_family_has_snapshots(session->family))
		return 0;
	while (!err && (start = tracker_donor_next(session, start, end)) < end) {
		page = __tracker_donor_find(session, start);
		if (IS_ERR(page))
			return PTR_ERR(page);
		if (page) {
			err = tracker_family_keep(session->family, page, start);
			put_page(page);
		}
		start++;
		cond_resched();
	}
	return err;
}

/**
 * __tracker_donors_drop - a range of a related session is to have nothing
 * @session: the session; the caller holds tree->lock
 * @start: first page
 * @end: page after the last one
 *
 * Only what is not in the pseudo-file. What is dropped is logged afterwards.
 */
void __tracker_donors_drop(struct tracker_session *session, pgoff_t start,
			   pgoff_t end)
{
	unsigned long index;
	struct page *page;

	lockdep_assert_held(&session->tree->lock);
	tracker_donor_disinherit(session, start, end);
	xa_for_each_range(&session->donors, index, page, start, end - 1) {
		__tracker_donor_drop(session, index);
		tracker_donor_log(session, index);
		cond_resched();
	}
}

/* Undoes a swap: pages that were donors, and mapped nowhere yet, are not. */
void tracker_donors_forget(struct tracker_session *session, pgoff_t start,
			   pgoff_t end)
{
	unsigned long index;
	struct page *page;

	mutex_lock(&session->tree->lock);
	xa_for_each_range(&session->donors, index, page, start, end - 1)
		__tracker_donor_drop(session, index);
	mutex_unlock(&session->tree->lock);
}

void tracker_donors_destroy(struct tracker_session *session)
{
	struct page *page;
	unsigned long index;

	xa_for_each(&session->donors, index, page)
		put_page(page);
	xa_destroy(&session->donors);
	mtree_destroy(&session->inherited);
}
