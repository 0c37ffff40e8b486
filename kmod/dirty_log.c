// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log: which pages of a pseudo-file were written since the last
 * harvest. Bitmap chunks, each as large as one page table, allocated at the
 * first write below it; the chunks that have something are on a list, so that
 * a harvest costs what was dirtied.
 *
 * Memory: 256 bytes and an xarray slot per chunk that was ever dirty, which is
 * about half a byte per page of it. Clean chunks cost nothing per round.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include "tracker.h"

void tracker_log_init(struct tracker_log *log)
{
	xa_init(&log->chunks);
	spin_lock_init(&log->lock);
	INIT_LIST_HEAD(&log->dirty);
	INIT_LIST_HEAD(&log->taken);
	INIT_LIST_HEAD(&log->pending);
	atomic_long_set(&log->nr_dirty, 0);
	atomic_long_set(&log->nr_chunks, 0);
}

void tracker_log_destroy(struct tracker_log *log)
{
	struct tracker_chunk *chunk;
	unsigned long index;

	xa_for_each(&log->chunks, index, chunk)
		kfree(chunk);
	xa_destroy(&log->chunks);
}

/**
 * tracker_log_chunk - the chunk that covers a page, made if need be
 * @log: the log
 * @pgoff: page of the pseudo-file
 *
 * May sleep. Chunks live as long as the log.
 *
 * Return: the chunk, or NULL without memory.
 */
struct tracker_chunk *tracker_log_chunk(struct tracker_log *log, pgoff_t pgoff)
{
	unsigned long index = pgoff >> TRACKER_CHUNK_SHIFT;
	struct tracker_chunk *chunk = xa_load(&log->chunks, index);
	struct tracker_chunk *old;

	if (chunk)
		return chunk;
	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL);
	if (!chunk)
		return NULL;
	INIT_LIST_HEAD(&chunk->node);
	INIT_LIST_HEAD(&chunk->pending_node);
	chunk->base = index << TRACKER_CHUNK_SHIFT;
	old = xa_cmpxchg(&log->chunks, index, NULL, chunk, GFP_KERNEL);
	if (old) {
		kfree(chunk);
		return xa_is_err(old) ? NULL : old;
	}
	atomic_long_inc(&log->nr_chunks);
	return chunk;
}

/* The chunk may have dirty bits: a harvest has to look at it. */
static void tracker_log_list(struct tracker_log *log, struct tracker_chunk *chunk)
{
	if (!list_empty_careful(&chunk->node))
		return;
	spin_lock(&log->lock);
	if (list_empty(&chunk->node))
		list_add_tail(&chunk->node, &log->dirty);
	spin_unlock(&log->lock);
}

/**
 * tracker_log_set - log a page
 * @log: the log
 * @chunk: tracker_log_chunk() of @pgoff
 * @pgoff: page of the pseudo-file
 *
 * Safe against a harvest on another CPU: that takes a chunk from the list
 * before it looks at the bits, this sets the bit before it looks at the list.
 */
void tracker_log_set(struct tracker_log *log, struct tracker_chunk *chunk,
		     pgoff_t pgoff)
{
	if (!test_and_set_bit(pgoff - chunk->base, chunk->dirty))
		atomic_long_inc(&log->nr_dirty);
	if (!test_bit(pgoff - chunk->base, chunk->seen))
		set_bit(pgoff - chunk->base, chunk->seen);
	tracker_log_list(log, chunk);
}

int tracker_log_add(struct tracker_log *log, pgoff_t pgoff)
{
	struct tracker_chunk *chunk = tracker_log_chunk(log, pgoff);

	if (!chunk)
		return -ENOMEM;
	tracker_log_set(log, chunk, pgoff);
	return 0;
}

/* The images get a page that was not written. Return: 0 or -ENOMEM. */
int tracker_log_see(struct tracker_log *log, pgoff_t pgoff)
{
	struct tracker_chunk *chunk = tracker_log_chunk(log, pgoff);

	if (!chunk)
		return -ENOMEM;
	set_bit(pgoff - chunk->base, chunk->seen);
	return 0;
}

/**
 * tracker_log_merge - log pages of another log
 * @log: the log
 * @base: first page of a chunk
 * @bits: which of the chunk's pages
 *
 * As tracker_log_set(), at the cost of a chunk and not of its pages. Without
 * memory the log loses count.
 */
void tracker_log_merge(struct tracker_log *log, pgoff_t base,
		       const unsigned long *bits)
{
	struct tracker_chunk *chunk = tracker_log_chunk(log, base);
	unsigned long old;
	unsigned int i;

	if (!chunk) {
		tracker_log_overflow(log);
		return;
	}
	for (i = 0; i < BITS_TO_LONGS(TRACKER_CHUNK_PAGES); i++) {
		if (!bits[i])
			continue;
		old = atomic_long_fetch_or(bits[i],
					   (atomic_long_t *)&chunk->dirty[i]);
		atomic_long_add(hweight_long(bits[i] & ~old), &log->nr_dirty);
	}
	tracker_log_list(log, chunk);
}

/* ---- taking it ---------------------------------------------------------- */

/* From now on what is logged is for the next time. */
void tracker_log_take(struct tracker_log *log)
{
	spin_lock(&log->lock);
	list_splice_init(&log->dirty, &log->taken);
	spin_unlock(&log->lock);
}

/*
 * The next chunk that was taken, or NULL. It leaves the list before its bits are
 * looked at: see tracker_log_set().
 */
struct tracker_chunk *tracker_log_next(struct tracker_log *log)
{
	struct tracker_chunk *chunk;

	spin_lock(&log->lock);
	chunk = list_first_entry_or_null(&log->taken, struct tracker_chunk, node);
	if (chunk)
		list_del_init(&chunk->node);
	spin_unlock(&log->lock);
	smp_mb(); /* pairs with test_and_set_bit() in tracker_log_set() */
	return chunk;
}

/* The chunk is still to be looked at. */
void tracker_log_unnext(struct tracker_log *log, struct tracker_chunk *chunk)
{
	spin_lock(&log->lock);
	list_move(&chunk->node, &log->taken);
	spin_unlock(&log->lock);
}

/* The entry is clear before the caller looks at the page again. */
void tracker_log_clear(struct tracker_log *log, struct tracker_chunk *chunk,
		       unsigned int bit)
{
	if (test_and_clear_bit(bit, chunk->dirty))
		atomic_long_dec(&log->nr_dirty);
	smp_mb__after_atomic(); /* before the page is looked at */
}

/*
 * A page became writable and could not be logged: until a harvest has
 * write-protected everything, everything counts as dirty.
 */
void tracker_log_overflow(struct tracker_log *log)
{
	WRITE_ONCE(log->overflow, true);
	smp_wmb(); /* pairs with tracker_harvest_begin() */
	WRITE_ONCE(log->has_unlogged, true);
}

/* Caller holds session->lock. Harvests everything, at the cost of the chunks. */
void tracker_log_harvest(struct tracker_log *log)
{
	struct tracker_chunk *chunk;
	unsigned long bits;
	unsigned int i;

	tracker_log_take(log);
	while ((chunk = tracker_log_next(log))) {
		if (list_empty(&chunk->pending_node))
			list_add_tail(&chunk->pending_node, &log->pending);
		for (i = 0; i < BITS_TO_LONGS(TRACKER_CHUNK_PAGES); i++) {
			bits = xchg(&chunk->dirty[i], 0);
			atomic_long_sub(hweight_long(bits), &log->nr_dirty);
			log->nr_pending += hweight_long(bits & ~chunk->pending[i]);
			chunk->pending[i] |= bits;
		}
		cond_resched();
	}
	if (READ_ONCE(log->overflow)) {
		WRITE_ONCE(log->overflow, false);
		log->overflow_pending = true;
	}
}

/* What was taken and not looked at yet stays dirty. */
void tracker_log_untake(struct tracker_log *log)
{
	spin_lock(&log->lock);
	list_splice_tail_init(&log->taken, &log->dirty);
	spin_unlock(&log->lock);
}

static void tracker_log_put_back(struct tracker_log *log,
				 struct tracker_chunk *chunk)
{
	unsigned int bit;

	for_each_set_bit(bit, chunk->pending, TRACKER_CHUNK_PAGES)
		tracker_log_set(log, chunk, chunk->base + bit);
}

/* Caller holds session->lock. What was harvested is dirty again. */
void tracker_log_abort(struct tracker_log *log)
{
	struct tracker_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, &log->pending, pending_node) {
		tracker_log_put_back(log, chunk);
		bitmap_zero(chunk->pending, TRACKER_CHUNK_PAGES);
		list_del_init(&chunk->pending_node);
		cond_resched();
	}
	tracker_log_untake(log);
	if (log->overflow_pending)
		tracker_log_overflow(log);
	log->overflow_pending = false;
	log->nr_pending = 0;
}

/* Caller holds session->lock. What was harvested is stored. */
void tracker_log_commit(struct tracker_log *log)
{
	struct tracker_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, &log->pending, pending_node) {
		bitmap_zero(chunk->pending, TRACKER_CHUNK_PAGES);
		list_del_init(&chunk->pending_node);
		cond_resched();
	}
	tracker_log_untake(log);
	log->overflow_pending = false;
	log->nr_pending = 0;
}
