// SPDX-License-Identifier: GPL-2.0-only
/* Harvest, commit and abort. */
#include <linux/rmap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "reshare.h"
#include "share.h"

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
 * Clears a page's log entry and write-protects it, both under the page's lock, so
 * that a write is seen before or after, but never lost. A page that is not in the
 * page cache (swapped out, discarded) is not mapped. It may come back while its
 * entry is cleared, hence the second look.
 *
 * Return: true if the kernel may write the page without a fault; it stays logged.
 */
static bool tracker_page_rearm(struct tracker_session *session,
			       struct tracker_chunk *chunk, unsigned int bit)
{
	struct address_space *mapping = session->inode->i_mapping;
	struct tracker_log *log = &session->log;
	pgoff_t index = chunk->base + bit;
	struct folio *folio = tracker_filemap_lock(mapping, index);
	bool pinned;

	tracker_log_clear(log, chunk, bit);
	if (!folio)
		folio = tracker_filemap_lock(mapping, index);
	if (!folio)
		return false;
	pinned = tracker_folio_rearm(folio);
	if (pinned)
		tracker_log_set(log, chunk, index);
	folio_unlock(folio);
	folio_put(folio);
	return pinned;
}

/* Return: true if the page stays in the log. */
static bool tracker_harvest_page(struct tracker_session *session,
				 struct tracker_log *log,
				 struct tracker_chunk *chunk, unsigned int bit)
{
	/* First of all: a fork looks at both, and must find the page in one. */
	if (!test_and_set_bit(bit, chunk->pending))
		log->nr_pending++;
	if (log == &session->log)
		return tracker_page_rearm(session, chunk, bit);
	/* It was write-protected when the file's log was handed out. */
	tracker_log_clear(log, chunk, bit);
	return false;
}

static int tracker_harvest_chunk(struct tracker_harvester *harvester,
				 struct tracker_log *log,
				 struct tracker_chunk *chunk)
{
	struct tracker_session *session = harvester->session;
	unsigned int bit = 0;
	int err;

	harvester->region = tracker_region_lookup(session, chunk->base);
	if (WARN_ON_ONCE(!harvester->region))
		return 0;
	if (list_empty(&chunk->pending_node))
		list_add_tail(&chunk->pending_node, &log->pending);
	/* Ascending, so that a page logged anew behind us waits for the next. */
	for_each_set_bit_from(bit, chunk->dirty, TRACKER_CHUNK_PAGES) {
		if (tracker_harvest_page(session, log, chunk, bit))
			harvester->nr_pinned++;
		err = tracker_harvester_add(harvester, chunk->base + bit);
		if (err)
			return err;
	}
	return 0;
}

static int tracker_harvest_log(struct tracker_harvester *harvester,
			       struct tracker_log *log, bool *more)
{
	struct tracker_chunk *chunk;
	int err;

	while (!*more && (chunk = tracker_log_next(log))) {
		if (tracker_harvester_is_full(harvester)) {
			tracker_log_unnext(log, chunk);
			*more = true;
			break;
		}
		err = tracker_harvest_chunk(harvester, log, chunk);
		if (err) {
			tracker_log_unnext(log, chunk);
			return err;
		}
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static int tracker_harvest_logs(struct tracker_harvester *harvester, bool *more)
{
	struct tracker_session *session = harvester->session;
	int err = tracker_harvest_log(harvester, &session->log, more);

	if (!err)
		err = tracker_harvest_log(harvester, &session->shared, more);
	return err ? err : tracker_harvester_flush(harvester);
}

/*
 * Some page is writable and in no chunk: write-protect every page there is.
 * The one case in which a harvest costs what is resident.
 */
static void tracker_harvest_everything(struct tracker_session *session)
{
	struct address_space *mapping = session->inode->i_mapping;
	unsigned long index = 0;
	struct folio *folio;

	while (xa_find(&mapping->i_pages, &index, ULONG_MAX, XA_PRESENT)) {
		folio = tracker_filemap_lock(mapping, index++);
		if (!folio)
			continue;
		if (tracker_folio_rearm(folio) &&
		    tracker_log_add(&session->log, index - 1))
			tracker_log_overflow(&session->log);
		folio_unlock(folio);
		folio_put(folio);
		cond_resched();
	}
}

/* What was written to shared files. Return: 0 or -EINTR. */
static int tracker_harvest_shared(struct tracker_session *session,
				  u64 *nr_pinned)
{
	struct tracker_log *log = &session->shared;
	struct tracker_region *region;
	unsigned long mapping;
	int ret;

	xa_for_each(&session->shares, mapping, region) {
		ret = tracker_share_rescan(region, nr_pinned);
		if (ret < 0)
			return ret;
		session->nr_rescans += ret;
	}
	tracker_log_take(log);
	if (READ_ONCE(log->overflow)) {
		WRITE_ONCE(log->overflow, false);
		log->overflow_pending = true;
	}
	return 0;
}

/*
 * What was written to shared files the controller has from somebody else's harvest,
 * which is still to come. That one hands the logs out; write-protecting in each of
 * the others what is written all the time would cost as many faults.
 */
static void tracker_harvest_private(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long mapping;

	xa_for_each(&session->shares, mapping, region)
		region->nr_others = atomic_read(&region->share->nr_changes);
	tracker_log_harvest(&session->shared);
}

static void tracker_harvest_commit_private(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long mapping;

	xa_for_each(&session->shares, mapping, region)
		region->nr_changes = region->nr_others;
}

/* Puts an uncommitted harvest back. Caller holds session->lock. */
void tracker_harvest_abort(struct tracker_session *session)
{
	tracker_log_abort(&session->log);
	tracker_log_abort(&session->shared);
	session->harvest_open = false;
}

/* Return: 0, or -EINTR if the caller has been killed. */
static int tracker_harvest_begin(struct tracker_harvester *harvester,
				 bool is_private)
{
	struct tracker_session *session = harvester->session;
	struct tracker_log *log = &session->log;
	int err = 0;

	tracker_harvest_abort(session);
	tracker_frames_forget(session->tree);
	tracker_reshare_end(session->tree);
	session->epoch++;
	session->harvest_open = true;
	session->harvest_private = is_private;
	session->nr_rescans = 0;
	if (is_private)
		tracker_harvest_private(session);
	else
		err = tracker_harvest_shared(session, &harvester->nr_pinned);
	if (err)
		return err;
	tracker_log_take(log);
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
	return 0;
}

/* What a harvest is asked for has been looked at. Return: 0 or -errno. */
static int tracker_harvest_run(struct tracker_harvester *harvester,
			       struct tracker_harvest *args)
{
	struct tracker_session *session = harvester->session;
	bool more = false;
	int err = 0;

	if (!(args->flags & TRACKER_HARVEST_CONTINUE))
		err = tracker_harvest_begin(harvester, args->flags &
						       TRACKER_HARVEST_PRIVATE);
	if (!err)
		err = tracker_harvest_logs(harvester, &more);
	args->nr_runs = harvester->nr_runs;
	args->epoch = session->epoch;
	args->nr_pages = harvester->nr_pages;
	args->nr_pinned = harvester->nr_pinned;
	args->nr_rescans = session->nr_rescans;
	args->more = more;
	args->overflow = session->log.overflow_pending ||
			 (!session->harvest_private &&
			  session->shared.overflow_pending);
	return err;
}

/* TRACKER_IOC_HARVEST. Caller holds session->lock. */
long tracker_ioctl_harvest(struct tracker_session *session,
			   struct tracker_harvest __user *argp)
{
	struct tracker_harvester harvester = { .session = session };
	struct tracker_harvest args;
	int err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~(TRACKER_HARVEST_CONTINUE | TRACKER_HARVEST_PRIVATE) ||
	    args.nr_runs < 258 ||
	    memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	if (args.flags & TRACKER_HARVEST_CONTINUE && !session->harvest_open)
		return -ESTALE;
	harvester.out = u64_to_user_ptr(args.runs_addr);
	harvester.max_runs = args.nr_runs;
	err = tracker_harvest_run(&harvester, &args);
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
	tracker_log_commit(&session->shared);
	if (session->harvest_private)
		tracker_harvest_commit_private(session);
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
