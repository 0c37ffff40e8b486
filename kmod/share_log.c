// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is logged of a shared file. There is one log for the file: a write costs
 * the same whoever tracks it. A page in it may be writable; any other is
 * write-protected in all wrapped mappings. A harvest *hands the log out*: what is
 * in it is write-protected, once, and put into the logs of all sessions that
 * track the file.
 */
#include <linux/bitmap.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "share.h"

void tracker_share_log_pages(struct tracker_share *share, pgoff_t index,
			     pgoff_t nr_pages)
{
	/* With a folio locked: no memory is to be had by writing that one back. */
	unsigned int nofs = memalloc_nofs_save();

	for (; nr_pages; nr_pages--, index++)
		if (tracker_log_add(&share->log, index))
			tracker_log_overflow(&share->log);
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

/* Callable from any context. */
void tracker_share_changed(void *owner)
{
	struct tracker_share *share = owner;

	smp_mb__before_atomic(); /* the content is there */
	atomic_inc(&share->nr_changes);
}

/* ---- write protection --------------------------------------------------- */

/*
 * A page may be locked for as long as who serves the file (FUSE, NFS) takes, and
 * that may be a target that is held. One pass over pages spends so much time on
 * waiting for them. What is locked after that is in the log: it may be writable.
 * Mostly it is a fault, which is over before the first tick.
 */
#define TRACKER_LOCK_MS		100
#define TRACKER_LOCK_SPINS	16

static unsigned int tracker_share_ticks(struct tracker_share *share)
{
	return tracker_patience_is_lost(&share->locks) ?
		       0 : msecs_to_jiffies(TRACKER_LOCK_MS);
}

static struct folio *tracker_share_trylock(struct address_space *mapping,
					   pgoff_t index)
{
	struct folio *folio;

	while ((folio = tracker_filemap_get(mapping, index))) {
		if (!folio_trylock(folio)) {
			folio_put(folio);
			return ERR_PTR(-EBUSY);
		}
		if (folio->mapping == mapping)
			break;
		/* It has been truncated. */
		folio_unlock(folio);
		folio_put(folio);
	}
	return folio;
}

/* Return: the page's folio, NULL, or ERR_PTR(-EBUSY) if that stays locked. */
static struct folio *tracker_share_lock_page(struct tracker_share *share,
					     pgoff_t index, unsigned int *ticks)
{
	unsigned int spins = TRACKER_LOCK_SPINS;
	struct folio *folio;

	for (;;) {
		folio = tracker_share_trylock(share->mapping, index);
		if (!IS_ERR(folio))
			return folio;
		if (spins) {
			spins--;
			cond_resched();
			continue;
		}
		if (!*ticks || fatal_signal_pending(current))
			return folio;
		if (!--*ticks)
			tracker_patience_lose(&share->locks);
		schedule_timeout_killable(1);
	}
}

/* Between pages: all those of a file may be minutes. Return: 0, or -EINTR if killed. */
static int tracker_share_pause(void)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/*
 * Write-protects all of the file's pages: from now on their writes are logged.
 * Pages that are written already are for the caller to read.
 *
 * Return: 0, or -EINTR if the caller has been killed: then it has to see to it that
 * nobody is missing what was written to the pages that are protected now.
 */
int tracker_share_protect(struct tracker_share *share)
{
	struct xarray *pages = &share->mapping->i_pages;
	unsigned int ticks = tracker_share_ticks(share);
	unsigned long index = 0;
	struct folio *folio;
	int err = 0;

	for (; !err && xa_find(pages, &index, ULONG_MAX, XA_PRESENT); index++) {
		folio = tracker_share_lock_page(share, index, &ticks);
		if (IS_ERR(folio)) {
			tracker_share_log_pages(share, index, 1);
		} else if (folio) {
			if (tracker_folio_rearm(folio))
				tracker_share_log_pages(share, index, 1);
			folio_unlock(folio);
			folio_put(folio);
		}
		err = tracker_share_pause();
	}
	return err;
}

/*
 * As tracker_page_rearm() of harvest.c. Return: true if the page stays in the log,
 * because the kernel may write it without a fault, or because it stays locked.
 */
static bool tracker_share_rearm(struct tracker_share *share,
				struct tracker_chunk *chunk, unsigned int bit,
				unsigned int *ticks)
{
	pgoff_t index = chunk->base + bit;
	struct folio *folio = tracker_share_lock_page(share, index, ticks);
	bool is_left = true;

	if (!IS_ERR(folio))
		tracker_log_clear(&share->log, chunk, bit);
	if (!folio)
		folio = tracker_share_lock_page(share, index, ticks);
	if (!folio)
		return false;
	if (!IS_ERR(folio)) {
		is_left = tracker_folio_rearm(folio);
		folio_unlock(folio);
		folio_put(folio);
	}
	if (is_left)
		tracker_log_set(&share->log, chunk, index);
	return is_left;
}

/*
 * What the first round stores of memory that no file system keeps. Only system
 * calls make pages there that are not logged: without one since the last time,
 * all is known already.
 *
 * Return: 0, -ENOMEM, or -EINTR if the caller has been killed.
 */
int tracker_share_see(struct tracker_share *share, int nr_changes)
{
	struct xarray *pages = &share->mapping->i_pages;
	unsigned long index = 0;
	int err = 0;

	if (READ_ONCE(share->is_seen) && READ_ONCE(share->nr_seen) == nr_changes)
		return 0;
	for (; !err && xa_find(pages, &index, ULONG_MAX, XA_PRESENT); index++) {
		err = tracker_log_see(&share->log, index);
		if (!err)
			err = tracker_share_pause();
	}
	if (!err) {
		WRITE_ONCE(share->nr_seen, nr_changes);
		WRITE_ONCE(share->is_seen, true);
	}
	return err;
}

/* ---- handing it out ----------------------------------------------------- */

/* Return: how many pages stay in the log. */
static u64 tracker_share_hand_out_chunk(struct tracker_share *share,
					struct tracker_chunk *chunk,
					unsigned int *ticks)
{
	DECLARE_BITMAP(bits, TRACKER_CHUNK_PAGES) = {};
	struct tracker_region *region;
	unsigned int bit = 0;
	u64 nr_pinned = 0;

	/* Ascending, so that a page logged anew behind us waits for the next. */
	for_each_set_bit_from(bit, chunk->dirty, TRACKER_CHUNK_PAGES) {
		if (tracker_share_rearm(share, chunk, bit, ticks))
			nr_pinned++;
		__set_bit(bit, bits);
	}
	if (bitmap_empty(bits, TRACKER_CHUNK_PAGES))
		return 0;
	mutex_lock(&share->lock);
	/* What is behind the block is not mapped by the target. */
	list_for_each_entry(region, &share->regions, share_node)
		if (chunk->base < region->nr_pages)
			tracker_log_merge(&region->session->shared,
					  region->base + chunk->base, bits);
	mutex_unlock(&share->lock);
	return nr_pinned;
}

/*
 * The log has lost count: every page of the file counts as written, for all.
 * Return: 0, or -EINTR if the caller has been killed: then the next one does it.
 */
static int tracker_share_hand_out_all(struct tracker_share *share)
{
	struct tracker_region *region;
	int err;

	/* Cleared first: a page that is not logged from now on is new. */
	WRITE_ONCE(share->log.overflow, false);
	smp_mb(); /* the flag is clear before a page is looked at */
	err = tracker_share_protect(share);
	if (err) {
		tracker_log_overflow(&share->log);
		return err;
	}
	mutex_lock(&share->lock);
	list_for_each_entry(region, &share->regions, share_node)
		tracker_log_overflow(&region->session->shared);
	mutex_unlock(&share->lock);
	return 0;
}

/*
 * Write-protects what was written, and tells all sessions. A page that is written
 * after this began is handed out now or the next time. Caller holds
 * share->hand_out_lock. Return: 0, or -EINTR if the caller has been killed.
 */
static int tracker_share_hand_out(struct tracker_share *share, u64 *nr_pinned)
{
	struct tracker_log *log = &share->log;
	unsigned int ticks = tracker_share_ticks(share);
	struct tracker_chunk *chunk;
	int err = 0;

	lockdep_assert_held(&share->hand_out_lock);
	if (READ_ONCE(log->overflow))
		err = tracker_share_hand_out_all(share);
	tracker_log_take(log);
	while (!err && (chunk = tracker_log_next(log))) {
		*nr_pinned += tracker_share_hand_out_chunk(share, chunk, &ticks);
		err = tracker_share_pause();
	}
	tracker_log_untake(log);
	return err;
}

/*
 * Every page that exists, and every one that the images may have. Return: 0, or
 * -EINTR if the caller has been killed.
 */
static int tracker_share_log_all(struct tracker_region *region)
{
	struct tracker_share *share = region->share;
	struct tracker_log *log = &region->session->shared;
	struct xarray *pages = &share->mapping->i_pages;
	struct tracker_chunk *chunk;
	unsigned long index;
	int err = 0;

	xa_for_each_range(&share->log.chunks, index, chunk, 0,
			  (region->nr_pages - 1) >> TRACKER_CHUNK_SHIFT) {
		if (!bitmap_empty(chunk->seen, TRACKER_CHUNK_PAGES))
			tracker_log_merge(log, region->base + chunk->base,
					  chunk->seen);
		err = tracker_share_pause();
		if (err)
			return err;
	}
	if (region->kind != TRACKER_KIND_ANON_SHARED)
		return 0;
	for (index = 0; !err && xa_find(pages, &index, region->nr_pages - 1,
					XA_PRESENT); index++) {
		if (tracker_log_add(log, region->base + index) ||
		    tracker_log_see(&share->log, index))
			tracker_log_overflow(log);
		err = tracker_share_pause();
	}
	return err;
}

/**
 * tracker_share_rescan - put what was written to a shared file into a session's log
 * @region: a region with a share; the caller holds session->lock
 * @nr_pinned: in/out: pages that stay in the file's log
 *
 * Where a system call may have changed the file, that is all of it. What another
 * session is handing out is waited for: it is in no log meanwhile.
 *
 * Return: 1 if there was such a call since the last time, 0 if not, or -EINTR if
 * the caller has been killed.
 */
int tracker_share_rescan(struct tracker_region *region, u64 *nr_pinned)
{
	struct tracker_share *share = region->share;
	int nr_changes, err;

	if (mutex_lock_killable(&share->hand_out_lock))
		return -EINTR;
	err = tracker_share_complete(share);
	if (!err)
		err = tracker_share_hand_out(share, nr_pinned);
	mutex_unlock(&share->hand_out_lock);
	if (err)
		return err;
	nr_changes = atomic_read_acquire(&share->nr_changes);
	if (region->nr_changes == nr_changes)
		return 0;
	err = tracker_share_log_all(region);
	if (err)
		return err;
	region->nr_changes = nr_changes;
	return 1;
}
