// SPDX-License-Identifier: GPL-2.0-only
/* What is logged of a shared file, for every session that tracks it. */
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>

#include "share.h"

static void tracker_region_log(struct tracker_region *region, pgoff_t index,
			       pgoff_t nr_pages)
{
	struct tracker_log *log = &region->session->log;

	/* What is behind the block is not mapped by the target. */
	for (; nr_pages && index < region->nr_pages; index++, nr_pages--)
		if (tracker_log_add(log, region->base + index))
			tracker_log_overflow(log);
}

/* With a folio locked: memory is not to be had by writing that one back. */
static void tracker_share_log_pages(struct tracker_share *share, pgoff_t index,
				    pgoff_t nr_pages)
{
	unsigned int nofs = memalloc_nofs_save();
	struct tracker_region *region;

	down_read(&share->lock);
	list_for_each_entry(region, &share->regions, share_node)
		tracker_region_log(region, index, nr_pages);
	up_read(&share->lock);
	memalloc_nofs_restore(nofs);
}

/* The kernel maps large folios as a whole. */
static void tracker_share_log_folio(struct tracker_share *share,
				    struct folio *folio, pgoff_t index)
{
	if (folio_test_large(folio))
		tracker_share_log_pages(share, folio->index,
					folio_nr_pages(folio));
	else
		tracker_share_log_pages(share, index, 1);
}

/**
 * tracker_share_log - a page of a shared file is about to be written
 * @mapping: the file's
 * @folio: the page's, locked
 * @index: the page's index in the file
 *
 * The caller has a wrapped mapping of the file, which keeps the share.
 */
void tracker_share_log(struct address_space *mapping, struct folio *folio,
		       pgoff_t index)
{
	struct tracker_share *share = tracker_share_find(mapping);

	if (!WARN_ON_ONCE(!share))
		tracker_share_log_folio(share, folio, index);
}

void tracker_share_changed(void *owner)
{
	struct tracker_share *share = owner;
	struct tracker_region *region;

	down_read(&share->lock);
	list_for_each_entry(region, &share->regions, share_node)
		WRITE_ONCE(region->is_modified, true);
	up_read(&share->lock);
}

/* ---- write protection --------------------------------------------------- */

/*
 * Write-protects the file's pages: from now on their writes are logged. Pages
 * that are written already are for the caller to read.
 */
void tracker_share_protect(struct tracker_region *region)
{
	struct address_space *mapping = region->share->mapping;
	unsigned long index = 0;
	struct folio *folio;

	while (xa_find(&mapping->i_pages, &index, ULONG_MAX, XA_PRESENT)) {
		folio = tracker_filemap_lock(mapping, index++);
		if (folio) {
			if (tracker_folio_rearm(folio))
				tracker_region_log(region, index - 1, 1);
			folio_unlock(folio);
			folio_put(folio);
		}
		cond_resched();
	}
}

/* What the first round stores of memory that no file system keeps. */
int tracker_share_see(struct tracker_region *region)
{
	struct xarray *pages = &region->share->mapping->i_pages;
	unsigned long index = 0;
	int err = 0;

	if (region->kind != TRACKER_KIND_ANON_SHARED)
		return 0;
	while (!err && xa_find(pages, &index, region->nr_pages - 1, XA_PRESENT)) {
		err = tracker_log_see(&region->session->log,
				      region->base + index++);
		cond_resched();
	}
	return err;
}

static void tracker_share_absorb_page(struct tracker_share *share,
				      pgoff_t index)
{
	struct folio *folio = tracker_filemap_lock(share->mapping, index);

	if (!folio) {
		/* It has been swapped out; whether it was written is not known. */
		tracker_share_log_pages(share, index, 1);
		return;
	}
	if (folio_mkclean(folio)) {
		if (!folio_test_dirty(folio))
			folio_mark_dirty(folio);
		tracker_share_log_folio(share, folio, index);
	}
	folio_unlock(folio);
	folio_put(folio);
}

/* Pages that a mapping has written before it was wrapped. */
void tracker_share_absorb(struct tracker_share *share, pgoff_t index,
			  pgoff_t end)
{
	struct xarray *pages = &share->mapping->i_pages;

	for (; index < end && xa_find(pages, &index, end - 1, XA_PRESENT);
	     index++) {
		tracker_share_absorb_page(share, index);
		cond_resched();
	}
}

/**
 * tracker_share_rescan - log what a system call may have changed
 * @region: a region with a share; the caller holds session->lock
 *
 * Every page that exists, and every one that the images may have.
 *
 * Return: whether there was such a call since the last time.
 */
bool tracker_share_rescan(struct tracker_region *region)
{
	struct tracker_log *log = &region->session->log;
	struct xarray *pages = &region->share->mapping->i_pages;
	unsigned long index = 0;

	if (xchg(&region->share->is_incomplete, false) ||
	    !tracker_share_is_wrapped(region->share))
		tracker_share_complete(region);
	if (xchg(&region->share->is_written, false))
		tracker_share_changed(region->share);
	if (!xchg(&region->is_modified, false))
		return false;
	tracker_log_seen(log, region->base, region->base + region->nr_pages);
	if (region->kind != TRACKER_KIND_ANON_SHARED)
		return true;
	for (; xa_find(pages, &index, region->nr_pages - 1, XA_PRESENT); index++) {
		tracker_region_log(region, index, 1);
		cond_resched();
	}
	return true;
}
