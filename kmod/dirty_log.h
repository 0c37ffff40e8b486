/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_DIRTY_LOG_H
#define TRACKER_DIRTY_LOG_H

/* Which pages of a pseudo-file, or of shared files, have been written. */

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

/* One chunk covers what one page table maps: 2 MiB. */
#define TRACKER_CHUNK_SHIFT	9
#define TRACKER_CHUNK_PAGES	(1UL << TRACKER_CHUNK_SHIFT)

struct tracker_chunk {
	struct list_head node;		/* on log->dirty or log->taken */
	struct list_head pending_node;	/* on log->pending */
	pgoff_t base;
	DECLARE_BITMAP(dirty, TRACKER_CHUNK_PAGES);
	DECLARE_BITMAP(pending, TRACKER_CHUNK_PAGES);
	DECLARE_BITMAP(seen, TRACKER_CHUNK_PAGES); /* ever logged: in the images */
};

struct tracker_log {
	struct xarray chunks;		/* pgoff >> TRACKER_CHUNK_SHIFT */
	spinlock_t lock;		/* protects the node of each chunk */
	struct list_head dirty;		/* chunks that may have dirty bits */
	struct list_head taken;		/* the same, in the current harvest */
	struct list_head pending;	/* session->lock: harvested chunks */
	atomic_long_t nr_dirty;
	atomic_long_t nr_chunks;
	u64 nr_pending;			/* session->lock */
	bool overflow;			/* a page could not be logged */
	bool has_unlogged;		/* ... and may be writable still */
	bool overflow_pending;		/* session->lock: the same, harvested */
};

void tracker_log_init(struct tracker_log *log);
void tracker_log_destroy(struct tracker_log *log);
struct tracker_chunk *tracker_log_chunk(struct tracker_log *log, pgoff_t pgoff);
void tracker_log_set(struct tracker_log *log, struct tracker_chunk *chunk,
		     pgoff_t pgoff);
int tracker_log_add(struct tracker_log *log, pgoff_t pgoff);
int tracker_log_see(struct tracker_log *log, pgoff_t pgoff);
void tracker_log_merge(struct tracker_log *log, pgoff_t base,
		       const unsigned long *bits);
void tracker_log_take(struct tracker_log *log);
struct tracker_chunk *tracker_log_next(struct tracker_log *log);
void tracker_log_unnext(struct tracker_log *log, struct tracker_chunk *chunk);
void tracker_log_clear(struct tracker_log *log, struct tracker_chunk *chunk,
		       unsigned int bit);
void tracker_log_harvest(struct tracker_log *log);
void tracker_log_untake(struct tracker_log *log);
void tracker_log_overflow(struct tracker_log *log);
void tracker_log_abort(struct tracker_log *log);
void tracker_log_commit(struct tracker_log *log);

#endif /* TRACKER_DIRTY_LOG_H */
