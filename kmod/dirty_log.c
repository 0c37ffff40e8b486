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
	if (!list_empty_careful(&chunk->node))
		return;
	spin_lock(&log->lock);
	if (list_empty(&chunk->node))
		list_add_tail(&chunk->node, &log->dirty);
	spin_unlock(&log->lock);
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

/* Logs every page from @start on and before @end that the images may have. */
void tracker_log_seen(struct tracker_log *log, pgoff_t start, pgoff_t end)
{
	struct tracker_chunk *chunk;
	unsigned long index;
	unsigned int bit;

	xa_for_each_range(&log->chunks, index, chunk,
			  start >> TRACKER_CHUNK_SHIFT,
			  (end - 1) >> TRACKER_CHUNK_SHIFT) {
		for_each_set_bit(bit, chunk->seen, TRACKER_CHUNK_PAGES)
			tracker_log_set(log, chunk, chunk->base + bit);
		cond_resched();
	}
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

/* What a harvest has not come to yet stays dirty. */
static void tracker_log_untake(struct tracker_log *log)
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
	}
	tracker_log_untake(log);
	log->overflow_pending = false;
	log->nr_pending = 0;
}
