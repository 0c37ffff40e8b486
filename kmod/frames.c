// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames: which page frames several targets of a tree have in common when they
 * are swapped. Their pages become one donor, so that the swap does not multiply
 * what fork has left shared.
 */
#include <linux/highmem.h>
#include <linux/rmap.h>
#include <linux/slab.h>

#include "tree.h"

/* A page that was swapped, and what stands for it. Both are counted. */
struct tracker_frame {
	struct page *page;
	struct page *donor;
};

/*
 * May another process have the page? One that is exclusive to its process could
 * be written without a fault. Of a large folio it is not known how often each
 * page is mapped.
 */
static bool tracker_frame_may_be_shared(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (!folio_test_anon(folio) || PageAnonExclusive(page))
		return false;
	if (folio_test_large(folio))
		return !PageAnonExclusive(&folio->page);
	return tracker_folio_mapcount(folio) > 1 || folio_test_swapcache(folio);
}

static struct page *tracker_frame_create(struct tracker_tree *tree,
					 struct page *page)
{
	struct tracker_frame *frame = kmalloc(sizeof(*frame), GFP_KERNEL);

	if (!frame)
		return NULL;
	frame->donor = tracker_donor_create(page, TRACKER_GFP);
	if (!frame->donor)
		goto err_free;
	if (xa_is_err(xa_store(&tree->frames, page_to_pfn(page), frame,
			       GFP_KERNEL)))
		goto err_put;
	/* With a reference it is not written any more, and no other page. */
	get_page(page);
	frame->page = page;
	return frame->donor;

err_put:
	put_page(frame->donor);
err_free:
	kfree(frame);
	return NULL;
}

/**
 * tracker_frame_share - a page that is being swapped may be others', too
 * @session: the session; its target is stopped
 * @page: the page
 * @pgoff: its place in the pseudo-file
 *
 * Return: 1 if a donor is in its place now, 0 if the page is to be copied, or
 * -ENOMEM.
 */
int tracker_frame_share(struct tracker_session *session, struct page *page,
			pgoff_t pgoff)
{
	struct tracker_tree *tree = session->tree;
	struct tracker_frame *frame;
	struct page *donor = NULL, *old;
	int ret = 0;

	mutex_lock(&tree->lock);
	frame = xa_load(&tree->frames, page_to_pfn(page));
	if (frame)
		donor = frame->donor;
	else if (tree->is_shared && tracker_frame_may_be_shared(page))
		donor = tracker_frame_create(tree, page);
	else
		goto out;
	ret = -ENOMEM;
	if (!donor)
		goto out;
	old = xa_store(&session->donors, pgoff, donor, GFP_KERNEL);
	if (xa_is_err(old))
		goto out;
	/* Who reads the region meanwhile may have found the parent's page. */
	if (old)
		put_page(old);
	get_page(donor);
	WRITE_ONCE(session->is_related, true);
	ret = 1;
out:
	mutex_unlock(&tree->lock);
	return ret;
}

/**
 * tracker_frames_forget - the targets that were to be swapped together are
 * @tree: the tree
 *
 * From here on their page frames can be used for something else.
 */
void tracker_frames_forget(struct tracker_tree *tree)
{
	struct tracker_frame *frame;
	unsigned long pfn;

	mutex_lock(&tree->lock);
	xa_for_each(&tree->frames, pfn, frame) {
		xa_erase(&tree->frames, pfn);
		put_page(frame->donor);
		put_page(frame->page);
		kfree(frame);
		cond_resched();
	}
	mutex_unlock(&tree->lock);
}
