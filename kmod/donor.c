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

#include "tracker.h"

/* ---- trees -------------------------------------------------------------- */

struct tracker_tree *tracker_tree_create(void)
{
	struct tracker_tree *tree = kzalloc(sizeof(*tree), GFP_KERNEL);

	if (!tree)
		return NULL;
	kref_init(&tree->kref);
	mutex_init(&tree->lock);
	xa_init(&tree->frames);
	mutex_init(&tree->revert_lock);
	xa_init(&tree->backs);
	INIT_LIST_HEAD(&tree->lineages);
	return tree;
}

struct tracker_tree *tracker_tree_get(struct tracker_tree *tree)
{
	kref_get(&tree->kref);
	return tree;
}

static void tracker_tree_release(struct kref *kref)
{
	struct tracker_tree *tree = container_of(kref, struct tracker_tree, kref);

	tracker_frames_forget(tree);
	tracker_reshare_end(tree);
	xa_destroy(&tree->frames);
	xa_destroy(&tree->backs);
	kfree(tree);
}

void tracker_tree_put(struct tracker_tree *tree)
{
	if (tree)
		kref_put(&tree->kref, tracker_tree_release);
}

/* ---- pages -------------------------------------------------------------- */

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

static bool tracker_has_page(struct tracker_session *session, pgoff_t pgoff)
{
	return xa_load(&session->inode->i_mapping->i_pages, pgoff);
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

static bool tracker_inherits(struct tracker_session *session, pgoff_t pgoff)
{
	return session->origin && mtree_load(&session->inherited, pgoff);
}

static struct tracker_snapshot *tracker_origin(struct tracker_session *session)
{
	return session->origin->private_data;
}

/* ---- finding ------------------------------------------------------------ */

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
static struct page *__tracker_donor_find(struct tracker_session *session,
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

/* ---- writing ------------------------------------------------------------ */

/*
 * Forgets a donor and takes it out of the session's page tables, and of those
 * of its untracked children, who find it in their snapshot. Who maps a donor
 * holds its lock and has found it here.
 */
static void __tracker_donor_drop(struct tracker_session *session, pgoff_t pgoff)
{
	struct page *page = xa_erase(&session->donors, pgoff);

	if (!page)
		return;
	lock_page(page);
	unlock_page(page);
	unmap_mapping_range(session->inode->i_mapping,
			    (loff_t)pgoff << PAGE_SHIFT, PAGE_SIZE, 0);
	put_page(page);
}

/* Caller holds tree->lock. Gives the pseudo-file a page with a donor's content. */
static int __tracker_donor_copy(struct tracker_session *session, pgoff_t pgoff,
				struct page *donor)
{
	struct page *page;
	int err;

	err = tracker_family_keep(session->family, donor, pgoff);
	if (err)
		return err;
	page = shmem_read_mapping_page_gfp(session->inode->i_mapping, pgoff,
					   GFP_HIGHUSER);
	if (IS_ERR(page))
		return PTR_ERR(page);
	lock_page(page);
	copy_highpage(page, donor);
	set_page_dirty(page);
	unlock_page(page);
	put_page(page);
	/* Already now: see __tracker_source_fill(). */
	if (tracker_log_add(&session->log, pgoff))
		tracker_log_overflow(&session->log);
	smp_wmb(); /* the content is there before the donor goes */
	__tracker_donor_drop(session, pgoff);
	return 0;
}

/**
 * tracker_donor_fill - the target is about to write a page that others have
 * @session: the session
 * @pgoff: page of the pseudo-file
 *
 * Return: 1 if the pseudo-file has a page now, 0 if nobody has one, -EINTR if the
 * caller has been killed, or another -errno.
 */
int tracker_donor_fill(struct tracker_session *session, pgoff_t pgoff)
{
	struct page *donor;
	int ret;

	if (mutex_lock_killable(&session->tree->lock))
		return -EINTR;
	donor = __tracker_donor_find(session, pgoff);
	if (IS_ERR(donor)) {
		ret = PTR_ERR(donor);
	} else if (donor) {
		ret = __tracker_donor_copy(session, pgoff, donor);
		put_page(donor);
		if (!ret)
			ret = 1;
	} else {
		ret = tracker_has_page(session, pgoff);
	}
	mutex_unlock(&session->tree->lock);
	return ret;
}

/* Caller holds tree->lock, and hands over its reference. */
static vm_fault_t tracker_donor_map(struct vm_fault *vmf, struct page *donor)
{
	lock_page(donor);
	vmf->page = donor;
	return VM_FAULT_LOCKED;
}

/**
 * tracker_donor_fault - fault on a page that tracker_donor_is_due()
 * @session: the target's session
 * @vmf: the fault
 *
 * Return: as ->fault, or 0 where the pseudo-file's page or what is behind the
 * mapping is to be mapped.
 */
vm_fault_t tracker_donor_fault(struct tracker_session *session,
			       struct vm_fault *vmf)
{
	struct page *donor;
	vm_fault_t ret = 0;
	int err;

	if (vmf->flags & FAULT_FLAG_WRITE) {
		err = tracker_donor_fill(session, vmf->pgoff);
		if (err == -EINTR)
			return VM_FAULT_NOPAGE;
		return err < 0 ? vmf_error(err) : 0;
	}
	if (mutex_lock_killable(&session->tree->lock))
		return VM_FAULT_NOPAGE;
	donor = __tracker_donor_find(session, vmf->pgoff);
	if (IS_ERR(donor))
		ret = vmf_error(PTR_ERR(donor));
	else if (donor)
		ret = tracker_donor_map(vmf, donor);
	mutex_unlock(&session->tree->lock);
	return ret;
}

/* ---- what there is ------------------------------------------------------ */

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

/* As tracker_page_next(). Caller holds tree->lock. */
static pgoff_t tracker_donor_next(struct tracker_session *session,
				  pgoff_t start, pgoff_t end)
{
	pgoff_t best = tracker_donor_next_own(session, start, end);
	struct tracker_session *child, *parent;
	struct tracker_snapshot *snapshot;
	pgoff_t next;

	for (child = session; child->origin; child = parent) {
		snapshot = tracker_origin(child);
		parent = snapshot->session;
		for (next = start; next < best; next++) {
			next = min(tracker_snapshot_next(snapshot, next, best),
				   tracker_donor_next_own(parent, next, best));
			if (next < best &&
			    tracker_inherits_up_to(session, child, next))
				best = next;
			cond_resched();
		}
	}
	return best;
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

/* ---- forgetting --------------------------------------------------------- */

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
