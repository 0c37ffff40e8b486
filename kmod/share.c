// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shares: files that targets map shared. Who writes to one may be any process
 * that maps it, so the mappings of all are wrapped, those that are made later as
 * soon as they are made (share_hook.c), and those that fork() makes by
 * inheritance. System calls that change the file are told by fsnotify.
 */
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "share.h"

DEFINE_MUTEX(tracker_shares_lock);	/* protects what follows */
static DEFINE_HASHTABLE(tracker_shares, 8);	/* by mapping; readers: RCU */
static atomic_t tracker_nr_shares = ATOMIC_INIT(0);

bool tracker_shares_exist(void)
{
	return atomic_read(&tracker_nr_shares) != 0;
}

struct tracker_share *tracker_share_find(struct address_space *mapping)
{
	struct tracker_share *share;

	rcu_read_lock();
	hash_for_each_possible_rcu(tracker_shares, share, node,
				   (unsigned long)mapping)
		if (share->mapping == mapping)
			break;
	rcu_read_unlock();
	return share;
}

static void tracker_share_release(struct kref *kref)
{
	struct tracker_share *share =
		container_of(kref, struct tracker_share, kref);

	tracker_watch_destroy(share->watch);
	tracker_log_destroy(&share->log);
	fput(share->file);
	kfree_rcu(share, rcu);
}

void tracker_share_put(struct tracker_share *share)
{
	kref_put(&share->kref, tracker_share_release);
}

/* Return: the share with a reference, or NULL. */
struct tracker_share *tracker_share_get(struct address_space *mapping)
{
	struct tracker_share *share;

	rcu_read_lock();
	share = tracker_share_find(mapping);
	if (share && !kref_get_unless_zero(&share->kref))
		share = NULL;
	rcu_read_unlock();
	return share;
}

/**
 * tracker_share_written - a file has been written, and fsnotify does not tell
 * @file: what the writer has open
 *
 * Callable from any context. A file system that is stacked upon others may have
 * written to any file.
 */
void tracker_share_written(struct file *file)
{
	struct tracker_share *share;
	int bucket;

	rcu_read_lock();
	share = tracker_share_find(file->f_mapping);
	if (share)
		tracker_share_changed(share);
	else if (file_inode(file)->i_sb->s_stack_depth)
		hash_for_each_rcu(tracker_shares, bucket, share, node)
			tracker_share_changed(share);
	rcu_read_unlock();
}

/* ---- life --------------------------------------------------------------- */

/* How long to wait for a process that cannot be unwrapped now. */
#define TRACKER_UNWRAP_DELAY_MS	10

static void tracker_share_unwrap_work(struct work_struct *work)
{
	struct tracker_share *share =
		container_of(work, struct tracker_share, unwrap_work);
	bool is_over = false, is_done;

	mutex_lock(&tracker_shares_lock);
	is_done = share->is_over || atomic_read(&share->nr_holds);
	if (!is_done) {
		/* Through a mapping that is not wrapped, pages come into being unseen. */
		share->is_protected = false;
		WRITE_ONCE(share->is_incomplete, false);
		share->is_seen = false;
	}
	if (!is_done && tracker_share_unwrap(share)) {
		hash_del_rcu(&share->node);
		atomic_dec(&tracker_nr_shares);
		share->is_over = true;
		is_over = true;
		is_done = true;
	}
	mutex_unlock(&tracker_shares_lock);
	if (!is_done) {
		msleep(TRACKER_UNWRAP_DELAY_MS);
		if (queue_work(tracker_queue, &share->unwrap_work))
			return;
	}
	/* The reference that makes a share last while mappings are wrapped. */
	if (is_over)
		tracker_share_put(share);
	tracker_share_put(share);
	/* tracker_exit() waits for the rest of this function. */
	if (is_over)
		module_put(THIS_MODULE);
}

/* Caller has a reference. */
static void tracker_share_queue_unwrap(struct tracker_share *share)
{
	kref_get(&share->kref);
	if (!queue_work(tracker_queue, &share->unwrap_work))
		tracker_share_put(share);
}

/* Our own file: reading must not move the target's position. */
static struct file *tracker_share_open(struct file *file)
{
	struct file *own = dentry_open(&file->f_path,
				       O_RDONLY | O_LARGEFILE | O_NONBLOCK,
				       file->f_cred);

	if (IS_ERR(own) || own->f_mapping == file->f_mapping)
		return own;
	fput(own);
	return ERR_PTR(-EINVAL);
}

/* Return: a share that nobody finds yet, or an ERR_PTR. */
static struct tracker_share *tracker_share_alloc(struct file *file)
{
	struct tracker_share *share = kzalloc(sizeof(*share), GFP_KERNEL);
	int err;

	if (!share)
		return ERR_PTR(-ENOMEM);
	kref_init(&share->kref);
	tracker_log_init(&share->log);
	mutex_init(&share->hand_out_lock);
	mutex_init(&share->lock);
	INIT_LIST_HEAD(&share->regions);
	INIT_WORK(&share->unwrap_work, tracker_share_unwrap_work);
	tracker_patience_init(&share->locks);
	tracker_patience_init(&share->mappers);
	share->mapping = file->f_mapping;
	share->file = tracker_share_open(file);
	err = PTR_ERR_OR_ZERO(share->file);
	if (err)
		goto err_free;
	share->watch = tracker_watch_create(share->mapping->host,
					    tracker_share_changed, share);
	err = PTR_ERR_OR_ZERO(share->watch);
	if (!err)
		return share;
	fput(share->file);
err_free:
	kfree(share);
	return ERR_PTR(err);
}

/**
 * tracker_share_region - the region of a shared file
 * @session: the session, locked
 * @mapping: the file's
 *
 * Return: the region, or NULL if this session does not track the file.
 */
struct tracker_region *tracker_share_region(struct tracker_session *session,
					    struct address_space *mapping)
{
	return xa_load(&session->shares, (unsigned long)mapping);
}

/*
 * Holds the share of a file: if there is none yet, @new, which may be NULL.
 * Return: the share, NULL, or ERR_PTR(-EINTR).
 */
static struct tracker_share *__tracker_share_hold(struct address_space *mapping,
						  struct tracker_share *new)
{
	struct tracker_share *share;

	if (mutex_lock_killable(&tracker_shares_lock))
		return ERR_PTR(-EINTR);
	share = tracker_share_find(mapping);
	if (!share && new) {
		__module_get(THIS_MODULE);
		atomic_inc(&tracker_nr_shares);
		hash_add_rcu(tracker_shares, &new->node,
			     (unsigned long)new->mapping);
		share = new;
	}
	if (share) {
		kref_get(&share->kref);
		atomic_inc(&share->nr_holds);
	}
	mutex_unlock(&tracker_shares_lock);
	return share;
}

/**
 * tracker_share_hold - what stands for a shared file
 * @file: the file
 *
 * As long as somebody holds it, nothing of the file is unwrapped. Opening the file
 * takes as long as who serves it (FUSE): it is done where nobody has done it yet,
 * and without tracker_shares_lock.
 *
 * Return: the share, or an ERR_PTR.
 */
struct tracker_share *tracker_share_hold(struct file *file)
{
	struct tracker_share *share, *new;

	share = __tracker_share_hold(file->f_mapping, NULL);
	if (share)
		return share;
	new = tracker_share_alloc(file);
	if (IS_ERR(new))
		return new;
	share = __tracker_share_hold(file->f_mapping, new);
	if (share != new)
		tracker_share_put(new);
	return share;
}

void tracker_share_unhold(struct tracker_share *share)
{
	if (atomic_dec_and_test(&share->nr_holds))
		tracker_share_queue_unwrap(share);
	tracker_share_put(share);
}

/**
 * tracker_share_add_region - a session tracks a file
 * @share: the file, which the caller holds
 * @session: the session, locked
 * @kind: enum tracker_kind of the mapping
 * @nr_changes: those of the file that the session need not be told of
 *
 * tracker_shares_lock is not held while share->lock is waited for: whoever maps a
 * file that is tracked waits for the one, and a hand-out has the other.
 *
 * Return: the region, which holds the share, too, or an ERR_PTR.
 */
struct tracker_region *tracker_share_add_region(struct tracker_share *share,
						struct tracker_session *session,
						u16 kind, int nr_changes)
{
	unsigned long nr_pages =
		DIV_ROUND_UP(i_size_read(share->mapping->host), PAGE_SIZE);
	struct tracker_region *region;
	int err;

	region = tracker_region_create(session, nr_pages, kind);
	if (IS_ERR(region))
		return region;
	err = xa_err(xa_store(&session->shares, (unsigned long)share->mapping,
			      region, GFP_KERNEL));
	if (err) {
		tracker_region_destroy(session, region);
		return ERR_PTR(err);
	}
	kref_get(&share->kref);
	atomic_inc(&share->nr_holds);
	region->nr_changes = nr_changes;
	/* A private harvest that is not committed yet did not see this region. */
	region->nr_others = nr_changes;
	region->share = share;
	region->is_mapped = true;
	mutex_lock(&share->lock);
	list_add_tail(&region->share_node, &share->regions);
	mutex_unlock(&share->lock);
	return region;
}

/* The region stays, for what a harvest has reported of it; it has no pages. */
void tracker_share_detach(struct tracker_region *region)
{
	struct tracker_share *share = region->share;

	xa_erase(&region->session->shares, (unsigned long)share->mapping);
	mutex_lock(&share->lock);
	list_del_init(&region->share_node);
	region->share = NULL;
	mutex_unlock(&share->lock);
	tracker_share_unhold(share);
}
