// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching: from when on no write to a shared file is missed. All its mappings
 * are wrapped, then its pages are write-protected.
 */
#include <linux/sched/signal.h>

#include "share.h"

/*
 * How often, and how far apart, a process that is at something is tried again:
 * about a second at the start of tracking, which can be put off, and not long
 * where somebody waits.
 */
#define TRACKER_WRAP_TRIES	200
#define TRACKER_ADOPT_TRIES	10
#define TRACKER_WRAP_DELAY_MS	4

static int __tracker_share_wrap(struct tracker_share *share, bool has_own)
{
	int err = 0;

	if (share->is_over)
		return 0;
	if (has_own)
		err = tracker_share_wrap_own(share);
	return err ? err : tracker_share_wrap(share);
}

/*
 * Wraps what there is of a file, in every process. tracker_shares_lock is not
 * held while a process is waited for: others want to map files, too.
 *
 * Return: 0, -EINTR, -EAGAIN if a process cannot be wrapped now, or -ENOMEM.
 */
static int tracker_share_wrap_all(struct tracker_share *share, bool has_own,
				  unsigned int tries)
{
	int err;

	for (;;) {
		err = mutex_lock_killable(&tracker_shares_lock);
		if (err)
			return err;
		err = __tracker_share_wrap(share, has_own);
		mutex_unlock(&tracker_shares_lock);
		if (err != -EBUSY)
			return err;
		if (!--tries)
			return -EAGAIN;
		schedule_timeout_killable(msecs_to_jiffies(TRACKER_WRAP_DELAY_MS));
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

/**
 * tracker_share_adopt_file - a process has mapped a file
 * @mapping: the file's
 * @index: first page that was mapped
 * @nr_pages: length
 *
 * The caller's own mappings are wrapped when this returns, unless it is killed.
 * Another thread may have forked with one: who is busy with that is left to the
 * next harvest.
 */
void tracker_share_adopt_file(struct address_space *mapping, pgoff_t index,
			      pgoff_t nr_pages)
{
	struct tracker_share *share = tracker_share_get(mapping);

	if (!share)
		return;
	if (tracker_share_wrap_all(share, true, TRACKER_ADOPT_TRIES))
		WRITE_ONCE(share->is_incomplete, true);
	tracker_share_absorb(share, index, index + nr_pages);
	tracker_share_put(share);
}

/* At a harvest: what could not be wrapped has been writable up to now. */
void tracker_share_complete(struct tracker_share *share)
{
	int err = tracker_share_wrap_all(share, false, TRACKER_ADOPT_TRIES);

	if (err)
		WRITE_ONCE(share->is_incomplete, true);
	if (err == -EINTR)
		return;
	tracker_share_protect(share);
	tracker_share_changed(share);
}

/* The session is told of writes from now on. Return: 0 or -errno. */
static int tracker_share_begin(struct tracker_share *share,
			       struct tracker_session *session, u16 kind)
{
	struct tracker_region *region =
		tracker_share_add_region(share, session, kind);
	int err;

	if (IS_ERR(region))
		return PTR_ERR(region);
	err = tracker_share_see(region);
	if (err)
		tracker_share_detach(region);
	return err;
}

/*
 * Sees to it that from now on no write is missed. A region costs a number and a
 * block for good, so that there is none before others have been waited for: that
 * may fail, and be tried again and again. Caller holds the share.
 *
 * Return: 0 or -errno.
 */
static int tracker_share_guard(struct tracker_share *share,
			       struct tracker_session *session, u16 kind)
{
	bool is_protected = READ_ONCE(share->is_protected) &&
			    !READ_ONCE(share->is_incomplete);
	int err = 0;

	if (!is_protected) {
		err = tracker_share_wrap_all(share, false, TRACKER_WRAP_TRIES);
		/* For those that track the file already. */
		if (err)
			WRITE_ONCE(share->is_incomplete, true);
	}
	if (!err)
		err = tracker_share_begin(share, session, kind);
	if (!err && !is_protected) {
		tracker_share_protect(share);
		/* As long as there is a region, nothing is unwrapped. */
		WRITE_ONCE(share->is_protected, true);
	}
	return err;
}

/**
 * tracker_share_attach - log the writes to a shared file for a session
 * @session: the session, locked
 * @file: what the target has mapped
 * @kind: enum tracker_kind of the mapping
 *
 * All its mappings in all processes are wrapped, and its pages write-protected,
 * unless somebody tracks the file already. The content up to now is for the caller
 * to read, afterwards.
 *
 * Return: 0, -EINVAL if the session has a region of the file, -EAGAIN if another
 * process has userfaultfd on the file or is at something that may last, or another
 * -errno.
 */
int tracker_share_attach(struct tracker_session *session, struct file *file,
			 u16 kind)
{
	struct tracker_share *share;
	int err;

	/* One that has to go first: the next layout sees to that. */
	if (tracker_share_region(session, file->f_mapping))
		return -EINVAL;
	share = tracker_share_hold(file);
	if (IS_ERR(share))
		return PTR_ERR(share);
	err = tracker_share_guard(share, session, kind);
	tracker_share_unhold(share);
	return err;
}
