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
#define TRACKER_HASTY_TRIES	3
#define TRACKER_WRAP_DELAY_MS	4

/*
 * Takes tracker_shares_lock, and the caller's own mmap_lock, too, for writing. A
 * fault may hold mmap_lock for as long as who serves a file (FUSE, NFS) takes, and
 * every harvest wants tracker_shares_lock: neither is waited for with the other
 * held.
 *
 * Return: 0, -EBUSY, or -EINTR.
 */
static int tracker_share_lock_own(struct mm_struct *mm)
{
	if (mutex_lock_killable(&tracker_shares_lock))
		return -EINTR;
	if (tracker_mmap_write_trylock(mm))
		return 0;
	mutex_unlock(&tracker_shares_lock);
	if (mmap_write_lock_killable(mm))
		return -EINTR;
	if (mutex_trylock(&tracker_shares_lock))
		return 0;
	mmap_write_unlock(mm);
	return -EBUSY;
}

/* Gives up the caller's own mmap_lock, which is held if there is an @own. */
static int __tracker_share_wrap(struct tracker_share *share,
				const struct tracker_adoption *own)
{
	unsigned int nr_late = share->nr_late;
	int err = 0;

	lockdep_assert_held(&tracker_shares_lock);
	if (own) {
		if (!share->is_over)
			err = tracker_share_wrap_own(share, own);
		mmap_write_unlock(current->mm);
	}
	if (share->is_over)
		return 0;
	if (!err)
		err = tracker_share_wrap(share);
	/* Whoever tracks the file has not been told what they have written. */
	if (share->nr_late != nr_late && share->is_protected)
		WRITE_ONCE(share->is_incomplete, true);
	return err;
}

/*
 * Wraps what there is of a file, in every process. tracker_shares_lock is not
 * held while a process is waited for: others want to map files, too.
 *
 * Return: 0, with *nr_late for a comparison, -EINTR, -EAGAIN if a process cannot
 * be wrapped now, or -ENOMEM.
 */
static int tracker_share_wrap_all(struct tracker_share *share,
				  const struct tracker_adoption *own,
				  unsigned int tries, unsigned int *nr_late)
{
	int err;

	for (;;) {
		if (own)
			err = tracker_share_lock_own(current->mm);
		else
			err = mutex_lock_killable(&tracker_shares_lock);
		if (!err) {
			err = __tracker_share_wrap(share, own);
			*nr_late = share->nr_late;
			mutex_unlock(&tracker_shares_lock);
		}
		if (err != -EBUSY)
			return err;
		if (!--tries)
			return -EAGAIN;
		schedule_timeout_killable(msecs_to_jiffies(TRACKER_WRAP_DELAY_MS));
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

/*
 * A mapping is not wrapped, and may write up to its end; or pages were protected of
 * which nobody has been told that they were written. The next harvest sees to it.
 */
static void tracker_share_miss(struct tracker_share *share)
{
	mutex_lock(&tracker_shares_lock);
	share->nr_late++;
	if (share->is_protected)
		WRITE_ONCE(share->is_incomplete, true);
	mutex_unlock(&tracker_shares_lock);
}

/**
 * tracker_share_adopt_file - a process has mapped a file
 * @own: which, and where
 *
 * The caller's own mappings are wrapped when this returns, unless it is killed.
 * Another thread may have forked with one: who is busy with that is left to the
 * next harvest.
 */
void tracker_share_adopt_file(const struct tracker_adoption *own)
{
	struct tracker_share *share = tracker_share_get(own->mapping);
	unsigned int nr_late;
	int err;

	if (!share)
		return;
	atomic_inc(&share->nr_adopting); /* before anything is wrapped */
	err = tracker_share_wrap_all(share, own, TRACKER_ADOPT_TRIES, &nr_late);
	if (tracker_share_absorb(share, own) || err)
		tracker_share_miss(share);
	atomic_dec_return_release(&share->nr_adopting); /* it is in the log */
	tracker_share_put(share);
}

/* How often a harvest tries a process that is at something. */
static unsigned int tracker_share_tries(struct tracker_share *share)
{
	return tracker_patience_is_lost(&share->mappers) ? TRACKER_HASTY_TRIES :
							   TRACKER_ADOPT_TRIES;
}

/*
 * Under one lock: a mapping that is being wrapped now is seen before or after.
 * Return: 1, 0, -EBUSY if only what somebody is about to log is missing, or -EINTR.
 */
static int __tracker_share_is_complete(struct tracker_share *share)
{
	int ret;

	if (mutex_lock_killable(&tracker_shares_lock))
		return -EINTR;
	ret = !share->is_incomplete && tracker_share_is_wrapped(share);
	if (ret && atomic_read_acquire(&share->nr_adopting))
		ret = -EBUSY;
	mutex_unlock(&tracker_shares_lock);
	return ret;
}

/*
 * Who has mapped the file mostly needs but a moment, or else all of the file counts
 * as written. Return: 1, 0, or -EINTR.
 */
static int tracker_share_is_complete(struct tracker_share *share)
{
	unsigned int tries = tracker_share_tries(share);
	int ret;

	while ((ret = __tracker_share_is_complete(share)) == -EBUSY && --tries)
		schedule_timeout_killable(1);
	if (ret != -EBUSY)
		return ret;
	tracker_patience_lose(&share->mappers);
	return 0;
}

/**
 * tracker_share_complete - make good for mappings that were wrapped late
 * @share: the file; the caller holds share->hand_out_lock
 *
 * What a mapping has written that was not wrapped in time is not known: all of the
 * file may have been.
 *
 * Return: 0, or -EINTR if the caller has been killed: then the next harvest does it.
 */
int tracker_share_complete(struct tracker_share *share)
{
	int err = tracker_share_is_complete(share);
	unsigned int nr_late;

	if (err)
		return min(err, 0);
	err = tracker_share_wrap_all(share, NULL, tracker_share_tries(share),
				     &nr_late);
	if (err == -EINTR)
		return err;
	if (err == -EAGAIN)
		tracker_patience_lose(&share->mappers);
	mutex_lock(&tracker_shares_lock);
	/* Unless somebody has wrapped another one, which may still write. */
	WRITE_ONCE(share->is_incomplete, err || share->nr_late != nr_late);
	mutex_unlock(&tracker_shares_lock);
	err = tracker_share_protect(share);
	if (err)
		tracker_share_miss(share);
	else
		tracker_share_changed(share);
	return err;
}

/*
 * All pages have been write-protected since mappings were counted. As long as
 * somebody holds the share, nothing is unwrapped.
 */
static void tracker_share_set_protected(struct tracker_share *share,
					unsigned int nr_late)
{
	mutex_lock(&tracker_shares_lock);
	/*
	 * One that was wrapped after that may have written on up to now. And where
	 * somebody tracks the file already, what a mapper is about to log may have
	 * been protected here.
	 */
	if (share->nr_late != nr_late || share->is_protected)
		WRITE_ONCE(share->is_incomplete, true);
	WRITE_ONCE(share->is_protected, true);
	mutex_unlock(&tracker_shares_lock);
}

/*
 * The session is told of writes from now on. A region costs a number and a block
 * for good, so it comes after all that may be tried again and again.
 *
 * Return: 0 or -errno.
 */
static int tracker_share_begin(struct tracker_share *share,
			       struct tracker_session *session, u16 kind)
{
	int nr_changes = atomic_read(&share->nr_changes);
	int err = 0;

	if (kind == TRACKER_KIND_ANON_SHARED)
		err = tracker_share_see(share, nr_changes);
	if (err)
		return err;
	return PTR_ERR_OR_ZERO(tracker_share_add_region(share, session, kind,
							nr_changes));
}

/*
 * Sees to it that from now on no write is missed. Caller holds the share, but has
 * no region of it yet: what is written before it has one is for it to read.
 *
 * Return: 0 or -errno.
 */
static int tracker_share_guard(struct tracker_share *share)
{
	unsigned int nr_late;
	int err;

	if (READ_ONCE(share->is_protected) && !READ_ONCE(share->is_incomplete))
		return 0;
	err = tracker_share_wrap_all(share, NULL, TRACKER_WRAP_TRIES, &nr_late);
	/* Where somebody tracks the file already, what is protected is in no log. */
	atomic_inc(&share->nr_adopting);
	if (!err)
		err = tracker_share_protect(share);
	if (err)
		tracker_share_miss(share);
	else
		tracker_share_set_protected(share, nr_late);
	atomic_dec_return_release(&share->nr_adopting); /* it is known */
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
	err = tracker_share_guard(share);
	if (!err)
		err = tracker_share_begin(share, session, kind);
	tracker_share_unhold(share);
	return err;
}
