// SPDX-License-Identifier: GPL-2.0-only
/*
 * Donors: pages that several targets of a tree have, in no page cache, whose
 * content never changes. A target that was forked from another one starts with
 * its parent's pages: it *inherits* them, and a page is looked for when it is
 * asked for. What the parent still has then becomes a donor for both, so that a
 * page exists once. The first write copies it into the writer's pseudo-file.
 *
 * A page of a session is, in this order: a donor, a page of the pseudo-file, what
 * the parent had at the fork, what is behind the mapping. A donor where the
 * pseudo-file has a page, too, is one that is just being copied or made.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "donor.h"

/* ---- pages ------------------------------------------------------------- */

static atomic64_t tracker_last_donor = ATOMIC64_INIT(0);

/**
 * tracker_donor_create - a page of its own with another one's content
 * @from: the page
 * @gfp: for the allocation
 *
 * Its number, in page_private(), is never another one's.
 *
 * Return: the page, or NULL.
 */
struct page *tracker_donor_create(struct page *from, gfp_t gfp)
{
	struct page *donor = alloc_page(gfp | __GFP_HIGHMEM | __GFP_ACCOUNT);

	if (!donor)
		return NULL;
	copy_highpage(donor, from);
	__SetPageUptodate(donor);
	set_page_private(donor, atomic64_inc_return(&tracker_last_donor));
	return donor;
}

/* Is what the pseudo-file has not, or has not yet, looked for elsewhere? */
bool tracker_donor_is_due(struct tracker_session *session, pgoff_t pgoff)
{
	if (!READ_ONCE(session->is_related))
		return false;
	if (!tracker_has_page(session, pgoff))
		return true;
	smp_rmb(); /* a donor goes when the page has its content */
	return tracker_donor_is_set(session, pgoff);
}

/* Does the pseudo-file's page, whose lock the caller holds, not count? */
bool tracker_donor_is_set(struct tracker_session *session, pgoff_t pgoff)
{
	return READ_ONCE(session->is_related) &&
	       xa_load(&session->donors, pgoff);
}

/* ---- finding ----------------------------------------------------------- */

/*
 * Makes a donor the page of a session whose pseudo-file has one like it, which
 * the caller has locked and will drop. From here on a write to it is a fault
 * that waits for the tree's lock.
 *
 * Return: false if the session keeps its own, for lack of memory or because the
 * kernel may write it without a fault.
 */
static bool tracker_donor_give(struct tracker_session *session,
			       struct folio *folio, pgoff_t pgoff,
			       struct page *donor)
{
	if (xa_is_err(xa_store(&session->donors, pgoff, donor, GFP_KERNEL)))
		return false;
	if (folio_mkclean(folio))
		folio_mark_dirty(folio);
	if (tracker_folio_may_be_pinned(folio, 1)) {
		xa_erase(&session->donors, pgoff);
		return false;
	}
	get_page(donor);
	return true;
}

/*
 * The page of a session's pseudo-file for who was forked from it at @snapshot, or
 * (NULL) for who comes later. Return: a page with a reference, NULL if it is gone,
 * or an ERR_PTR.
 */
static struct page *tracker_donor_take_live(struct tracker_session *session,
					    struct tracker_snapshot *snapshot,
					    pgoff_t pgoff)
{
	struct address_space *mapping = session->inode->i_mapping;
	struct page *live, *page = NULL;
	bool is_given = false;

	live = shmem_read_mapping_page_gfp(mapping, pgoff, GFP_HIGHUSER);
	if (IS_ERR(live))
		return live;
	lock_page(live);
	if (live->mapping != mapping) {
		unlock_page(live);
		put_page(live);
		return NULL;
	}
	/* It was saved before it was written, which takes this page's lock. */
	if (snapshot)
		page = tracker_snapshot_lookup(snapshot, pgoff);
	if (!page) {
		page = tracker_donor_create(live, GFP_KERNEL);
		is_given = page && tracker_donor_give(session, page_folio(live),
						      pgoff, page);
	}
	unlock_page(live);
	put_page(live);
	if (is_given)
		shmem_truncate_range(session->inode, (loff_t)pgoff << PAGE_SHIFT,
				     (((loff_t)pgoff + 1) << PAGE_SHIFT) - 1);
	return page ? page : ERR_PTR(-ENOMEM);
}

static struct page *tracker_donor_get(struct tracker_session *session,
				      pgoff_t pgoff)
{
	struct page *page = xa_load(&session->donors, pgoff);

	if (page)
		get_page(page);
	return page;
}

/*
 * Goes from parent to parent until one has the page. Return: a page with a
 * reference, NULL if nobody has it, or an ERR_PTR.
 */
static struct page *tracker_donor_inherit(struct tracker_session *session,
					  pgoff_t pgoff)
{
	struct tracker_snapshot *snapshot;
	struct page *page;

	while (tracker_inherits(session, pgoff)) {
		snapshot = tracker_origin(session);
		session = snapshot->session;
		page = tracker_snapshot_lookup(snapshot, pgoff);
		if (!page)
			page = tracker_donor_get(session, pgoff);
		if (!page && tracker_has_page(session, pgoff))
			page = tracker_donor_take_live(session, snapshot, pgoff);
		if (page)
			return page;
	}
	return NULL;
}

/*
 * Caller holds tree->lock. Return: the session's donor, with a reference, NULL
 * if there is none (its pseudo-file has a page, or nobody has), or an ERR_PTR.
 */
struct page *__tracker_donor_find(struct tracker_session *session,
				  pgoff_t pgoff)
{
	struct page *page = tracker_donor_get(session, pgoff);
	int err;

	lockdep_assert_held(&session->tree->lock);
	if (page || tracker_has_page(session, pgoff))
		return page;
	page = tracker_donor_inherit(session, pgoff);
	if (IS_ERR_OR_NULL(page))
		return page;
	err = xa_err(xa_store(&session->donors, pgoff, page, GFP_KERNEL));
	if (err) {
		put_page(page);
		return ERR_PTR(err);
	}
	get_page(page);
	return page;
}

/**
 * tracker_donor_find - the page that a session has in common with others
 * @session: the session
 * @pgoff: page of the pseudo-file
 *
 * Return: the page with a reference, NULL if there is none, or an ERR_PTR:
 * -ENOMEM, or -EINTR if the caller has been killed.
 */
struct page *tracker_donor_find(struct tracker_session *session, pgoff_t pgoff)
{
	struct page *page;

	if (mutex_lock_killable(&session->tree->lock))
		return ERR_PTR(-EINTR);
	page = __tracker_donor_find(session, pgoff);
	mutex_unlock(&session->tree->lock);
	return page;
}

/**
 * tracker_donor_offer - a page is about to be put back
 * @session: the session; the target is stopped
 * @pgoff: page of the pseudo-file
 *
 * Children that inherit it are to find what it has become.
 *
 * Return: the donor that it is from now on, with a reference, NULL if nobody
 * inherits it, or an ERR_PTR.
 */
struct page *tracker_donor_offer(struct tracker_session *session, pgoff_t pgoff)
{
	struct page *page;

	if (!tracker_family_has_heir(session->family, pgoff))
		return NULL;
	if (mutex_lock_killable(&session->tree->lock))
		return ERR_PTR(-EINTR);
	page = __tracker_donor_find(session, pgoff);
	if (!page && tracker_has_page(session, pgoff))
		page = tracker_donor_take_live(session, NULL, pgoff);
	mutex_unlock(&session->tree->lock);
	return page;
}
