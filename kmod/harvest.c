// SPDX-License-Identifier: GPL-2.0-only
/* Harvest, commit and abort. */
#include <linux/rmap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "share.h"
#include "tree.h"

struct tracker_harvester {
	struct tracker_session *session;
	struct tracker_region *region;	/* of the chunk in hand */
	struct tracker_run run;		/* the run that is being built */
	struct tracker_run __user *out;
	u32 max_runs;
	u32 nr_runs;
	u64 nr_pages;
	u64 nr_pinned;
};

static bool tracker_harvester_is_full(struct tracker_harvester *harvester)
{
	/* A chunk has at most 256 runs, and one may be in hand. */
	return harvester->nr_runs + TRACKER_CHUNK_PAGES / 2 + 1 >
	       harvester->max_runs;
}

static int tracker_harvester_flush(struct tracker_harvester *harvester)
{
	if (!harvester->run.nr_pages)
		return 0;
	if (copy_to_user(harvester->out + harvester->nr_runs, &harvester->run,
			 sizeof(harvester->run)))
		return -EFAULT;
	harvester->nr_runs++;
	harvester->run.nr_pages = 0;
	return 0;
}

static int tracker_harvester_add(struct tracker_harvester *harvester,
				 pgoff_t pgoff)
{
	struct tracker_run *run = &harvester->run;
	u64 page = pgoff - harvester->region->base;
	int err;

	harvester->nr_pages++;
	if (run->nr_pages && run->region == harvester->region->id &&
	    run->page + run->nr_pages == page && run->nr_pages < U32_MAX) {
		run->nr_pages++;
		return 0;
	}
	err = tracker_harvester_flush(harvester);
	if (err)
		return err;
	*run = (struct tracker_run){ page, harvester->region->id, 1 };
	return 0;
}

static void tracker_chunk_clear(struct tracker_log *log,
				struct tracker_chunk *chunk, unsigned int bit)
{
	/* In this order: a fork looks at both, and must find the page in one. */
	if (!test_and_set_bit(bit, chunk->pending))
		log->nr_pending++;
	if (test_and_clear_bit(bit, chunk->dirty))
		atomic_long_dec(&log->nr_dirty);
	/* The entry is clear before the caller looks at the page again. */
	smp_mb__after_atomic();
}

/*
 * Write-protects a page. Its lock is held: page_mkwrite returns with the page
 * locked and its entry set, and the lock is released when the PTE is writable.
 *
 * Return: true if the kernel may write the page without a fault.
 */
bool tracker_folio_rearm(struct folio *folio)
{
	/* Where file systems count dirty pages, a dirty PTE's page is one. */
	if (folio_mkclean(folio) && !folio_test_dirty(folio))
		folio_mark_dirty(folio);
	return tracker_folio_may_be_pinned(folio, 1);
}

/*
 * Clears a page's log entry and write-protects it, both under its lock, so that
 * a write is seen before or after, but never lost.
 *
 * A page that is not in the page cache (swapped out, discarded) is not mapped.
 * It may come back while its entry is cleared, hence the second look.
 *
 * Return: true if the kernel may write the page without a fault.
 */
static bool tracker_page_rearm(struct tracker_region *region,
			       struct tracker_chunk *chunk, unsigned int bit)
{
	struct tracker_log *log = &region->session->log;
	pgoff_t pgoff = chunk->base + bit;
	struct address_space *mapping;
	struct folio *folio;
	pgoff_t index;
	bool pinned;

	mapping = tracker_region_mapping(region, pgoff, &index);
	folio = mapping ? tracker_filemap_lock(mapping, index) : NULL;
	tracker_chunk_clear(log, chunk, bit);
	if (!folio && mapping)
		folio = tracker_filemap_lock(mapping, index);
	if (!folio)
		return false;
	pinned = tracker_folio_rearm(folio);
	if (pinned)
		tracker_log_set(log, chunk, pgoff);
	folio_unlock(folio);
	folio_put(folio);
	return pinned;
}

static int tracker_harvest_chunk(struct tracker_harvester *harvester,
				 struct tracker_chunk *chunk)
{
	struct tracker_session *session = harvester->session;
	unsigned int bit = 0;
	int err;

	harvester->region = tracker_region_lookup(session, chunk->base);
	if (WARN_ON_ONCE(!harvester->region))
		return 0;
	if (list_empty(&chunk->pending_node))
		list_add_tail(&chunk->pending_node, &session->log.pending);
	/* Ascending, so that a page logged anew behind us waits for the next. */
	for_each_set_bit_from(bit, chunk->dirty, TRACKER_CHUNK_PAGES) {
		if (tracker_page_rearm(harvester->region, chunk, bit))
			harvester->nr_pinned++;
		err = tracker_harvester_add(harvester, chunk->base + bit);
		if (err)
			return err;
	}
	return 0;
}

/*
 * The chunk leaves the list before its bits are looked at: see
 * tracker_log_set().
 */
static struct tracker_chunk *tracker_harvest_take(struct tracker_log *log)
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

static void tracker_harvest_untake(struct tracker_log *log,
				   struct tracker_chunk *chunk)
{
	spin_lock(&log->lock);
	list_move(&chunk->node, &log->taken);
	spin_unlock(&log->lock);
}

static int tracker_harvest_chunks(struct tracker_harvester *harvester, bool *more)
{
	struct tracker_log *log = &harvester->session->log;
	struct tracker_chunk *chunk;
	int err;

	while ((chunk = tracker_harvest_take(log))) {
		if (tracker_harvester_is_full(harvester)) {
			tracker_harvest_untake(log, chunk);
			*more = true;
			break;
		}
		err = tracker_harvest_chunk(harvester, chunk);
		if (err) {
			tracker_harvest_untake(log, chunk);
			return err;
		}
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return tracker_harvester_flush(harvester);
}

/* Pages [0, @end) of @mapping; @base is what the log calls page 0. */
static void tracker_harvest_mapping(struct tracker_session *session,
				    struct address_space *mapping, pgoff_t base,
				    pgoff_t end)
{
	unsigned long index = 0;
	struct folio *folio;

	while (xa_find(&mapping->i_pages, &index, end - 1, XA_PRESENT)) {
		folio = tracker_filemap_lock(mapping, index++);
		if (!folio)
			continue;
		if (tracker_folio_rearm(folio) &&
		    tracker_log_add(&session->log, base + index - 1))
			tracker_log_overflow(&session->log);
		folio_unlock(folio);
		folio_put(folio);
		cond_resched();
	}
}

/*
 * Some page is writable and in no chunk: write-protect every page there is.
 * The one case in which a harvest costs what is resident.
 */
static void tracker_harvest_everything(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long id;

	tracker_harvest_mapping(session, session->inode->i_mapping, 0,
				TRACKER_MAX_PGOFF);
	xa_for_each(&session->region_ids, id, region)
		if (region->share)
			tracker_harvest_mapping(session, region->share->mapping,
						region->base, region->nr_pages);
}

/* Files that a system call has changed: which pages it was, nobody knows. */
static void tracker_harvest_rescan(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long id;

	session->nr_rescans = 0;
	xa_for_each(&session->region_ids, id, region)
		if (region->share && tracker_share_rescan(region))
			session->nr_rescans++;
}

/* Puts an uncommitted harvest back. Caller holds session->lock. */
void tracker_harvest_abort(struct tracker_session *session)
{
	tracker_log_abort(&session->log);
	session->harvest_open = false;
}

static void tracker_harvest_begin(struct tracker_session *session)
{
	struct tracker_log *log = &session->log;

	tracker_harvest_abort(session);
	tracker_frames_forget(session->tree);
	tracker_reshare_end(session->tree);
	session->epoch++;
	session->harvest_open = true;
	tracker_harvest_rescan(session);
	spin_lock(&log->lock);
	list_splice_init(&log->dirty, &log->taken);
	spin_unlock(&log->lock);
	if (READ_ONCE(log->overflow)) {
		/* Cleared first: a page that is not logged from now on is new. */
		WRITE_ONCE(log->overflow, false);
		log->overflow_pending = true;
		smp_mb(); /* the flag is clear before a page is looked at */
		tracker_harvest_everything(session);
		/* Forks need this up to here, and on if it has happened again. */
		WRITE_ONCE(log->has_unlogged, false);
		smp_mb(); /* pairs with tracker_log_overflow() */
		if (READ_ONCE(log->overflow))
			WRITE_ONCE(log->has_unlogged, true);
	}
}

/* TRACKER_IOC_HARVEST. Caller holds session->lock. */
long tracker_ioctl_harvest(struct tracker_session *session,
			   struct tracker_harvest __user *argp)
{
	struct tracker_harvester harvester = { .session = session };
	struct tracker_harvest args;
	bool more = false;
	int err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~TRACKER_HARVEST_CONTINUE || args.nr_runs < 258 ||
	    memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	if (!(args.flags & TRACKER_HARVEST_CONTINUE))
		tracker_harvest_begin(session);
	else if (!session->harvest_open)
		return -ESTALE;
	harvester.out = u64_to_user_ptr(args.runs_addr);
	harvester.max_runs = args.nr_runs;
	err = tracker_harvest_chunks(&harvester, &more);
	args.nr_runs = harvester.nr_runs;
	args.epoch = session->epoch;
	args.nr_pages = harvester.nr_pages;
	args.nr_pinned = harvester.nr_pinned;
	args.nr_rescans = session->nr_rescans;
	args.more = more;
	args.overflow = session->log.overflow_pending;
	if (!err && copy_to_user(argp, &args, sizeof(args)))
		err = -EFAULT;
	if (err)
		tracker_harvest_abort(session);
	return err;
}

static int tracker_harvest_check_epoch(struct tracker_session *session,
				       struct tracker_epoch __user *argp)
{
	struct tracker_epoch args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	if (!session->harvest_open || args.epoch != session->epoch)
		return -ESTALE;
	return 0;
}

/* TRACKER_IOC_COMMIT. Caller holds session->lock. */
long tracker_ioctl_commit(struct tracker_session *session,
			  struct tracker_epoch __user *argp)
{
	int err = tracker_harvest_check_epoch(session, argp);

	if (err)
		return err;
	tracker_log_commit(&session->log);
	session->committed = session->epoch;
	WRITE_ONCE(session->is_new, false);
	session->harvest_open = false;
	return 0;
}

/* TRACKER_IOC_ABORT. Caller holds session->lock. */
long tracker_ioctl_abort(struct tracker_session *session,
			 struct tracker_epoch __user *argp)
{
	int err = tracker_harvest_check_epoch(session, argp);

	if (!err)
		tracker_harvest_abort(session);
	return err;
}
