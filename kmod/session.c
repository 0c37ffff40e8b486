// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions: one per tracked mm.
 *
 * References: the pseudo-file holds one, each session or region fd another.
 * The session itself counts neither its file nor its mm as users, so it keeps
 * nothing of the target alive.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "session.h"
#include "share.h"
#include "source.h"
#include "tree.h"

DEFINE_MUTEX(tracker_sessions_lock); /* protects what follows */
static DEFINE_HASHTABLE(tracker_sessions, 9);	/* by mm */
static DEFINE_XARRAY(tracker_serials);		/* serial number -> session */
static unsigned long tracker_last_serial;
static unsigned int tracker_nr_sessions;

bool tracker_caller_is_capable(void)
{
	return capable(CAP_SYS_PTRACE) &&
	       (capable(CAP_CHECKPOINT_RESTORE) || capable(CAP_SYS_ADMIN));
}

struct tracker_session *tracker_session_get(struct tracker_session *session)
{
	kref_get(&session->kref);
	return session;
}

static void tracker_session_release(struct kref *kref)
{
	struct tracker_session *session =
		container_of(kref, struct tracker_session, kref);

	tracker_donors_destroy(session);
	tracker_origin_release(session);
	tracker_regions_destroy(session);
	tracker_log_destroy(&session->log);
	tracker_log_destroy(&session->shared);
	if (session->family)
		tracker_family_put(session->family);
	put_pid(session->pid);
	put_pid(session->holder);
	mmdrop(session->mm);
	kfree(session);
}

void tracker_session_put(struct tracker_session *session)
{
	kref_put(&session->kref, tracker_session_release);
}

/* Caller holds tracker_sessions_lock. After this the session is not found. */
void __tracker_session_end(struct tracker_session *session)
{
	lockdep_assert_held(&tracker_sessions_lock);
	if (hlist_unhashed(&session->node))
		return;
	hash_del(&session->node);
	xa_erase(&tracker_serials, session->serial);
	WRITE_ONCE(tracker_nr_sessions, tracker_nr_sessions - 1);
}

void tracker_session_end(struct tracker_session *session)
{
	mutex_lock(&tracker_sessions_lock);
	__tracker_session_end(session);
	mutex_unlock(&tracker_sessions_lock);
}

/* The target's memory is no longer ours: no fault, no file tells us anything. */
void tracker_session_detach(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long mapping;

	xa_for_each(&session->shares, mapping, region)
		tracker_share_detach(region);
	tracker_sources_orphan(session);
}

bool tracker_session_is_over(struct tracker_session *session)
{
	bool over;

	mutex_lock(&tracker_sessions_lock);
	over = hlist_unhashed(&session->node);
	mutex_unlock(&tracker_sessions_lock);
	return over;
}

unsigned int tracker_session_count(void)
{
	return READ_ONCE(tracker_nr_sessions);
}

/*
 * Maple trees that are read by others than their writer. ALLOC_RANGE not for the
 * gaps, but for its inner nodes, those of address spaces: mt_destroy_walk() of 6.1
 * and 6.12 clears what would be the metadata of other ones after it has taken the
 * types from their children, and so a part of the address of the 16th child.
 */
#define TRACKER_TREE_FLAGS	(MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU)

static struct tracker_session *
tracker_session_create(struct mm_struct *mm, struct pid *pid,
		       struct tracker_descent *descent)
{
	struct tracker_session *session = kzalloc(sizeof(*session), GFP_KERNEL);
	struct file *origin;

	if (!session)
		return NULL;
	kref_init(&session->kref);
	INIT_HLIST_NODE(&session->node);
	INIT_LIST_HEAD(&session->heir_node);
	INIT_LIST_HEAD(&session->new_node);
	mt_init_flags(&session->inherited, TRACKER_TREE_FLAGS);
	xa_init(&session->donors);
	mutex_init(&session->lock);
	spin_lock_init(&session->fork_lock);
	INIT_WORK(&session->trim_work, tracker_trim_work);
	tracker_log_init(&session->log);
	tracker_log_init(&session->shared);
	mt_init_flags(&session->regions, TRACKER_TREE_FLAGS);
	xa_init(&session->region_ids);
	xa_init(&session->shares);
	mmgrab(mm);
	session->mm = mm;
	session->pid = get_pid(pid);
	session->next_base = TRACKER_REGION_PAGES;
	get_random_bytes(session->id, sizeof(session->id));
	session->family = tracker_family_create();
	if (!session->family)
		goto err_put;
	origin = descent->origin;
	descent->origin = NULL;
	if (tracker_origin_adopt(session, origin, descent->tree))
		goto err_put;
	return session;

err_put:
	tracker_session_put(session);
	return NULL;
}

/* As tracker_session_find(). */
static struct tracker_session *__tracker_session_find(struct mm_struct *mm)
{
	struct tracker_session *session;

	lockdep_assert_held(&tracker_sessions_lock);
	hash_for_each_possible(tracker_sessions, session, node, (unsigned long)mm)
		/* Zero: its last VMA is gone and ->release is on its way. */
		if (session->mm == mm && tracker_file_tryget(session->file))
			return tracker_session_get(session);
	return NULL;
}

/**
 * tracker_session_find - a session and its file
 * @mm: whose session
 *
 * Return: the session, with a reference on it and one on its file, or NULL.
 */
struct tracker_session *tracker_session_find(struct mm_struct *mm)
{
	struct tracker_session *session;

	mutex_lock(&tracker_sessions_lock);
	session = __tracker_session_find(mm);
	mutex_unlock(&tracker_sessions_lock);
	return session;
}

/* Whether an mm is a target's. Caller holds tracker_sessions_lock. */
bool __tracker_session_exists(struct mm_struct *mm)
{
	struct tracker_session *session;

	lockdep_assert_held(&tracker_sessions_lock);
	hash_for_each_possible(tracker_sessions, session, node, (unsigned long)mm)
		if (session->mm == mm)
			return true;
	return false;
}

/**
 * tracker_session_next - the next session in the list of all
 * @after: serial number of the one before, or 0
 *
 * Return: as tracker_session_find().
 */
struct tracker_session *tracker_session_next(unsigned long after)
{
	struct tracker_session *session;

	mutex_lock(&tracker_sessions_lock);
	do {
		session = xa_find_after(&tracker_serials, &after, ULONG_MAX,
					XA_PRESENT);
	} while (session && !tracker_file_tryget(session->file));
	if (session)
		tracker_session_get(session);
	mutex_unlock(&tracker_sessions_lock);
	return session;
}

static int __tracker_session_list(struct tracker_session *session)
{
	int err = xa_err(xa_store(&tracker_serials, tracker_last_serial + 1,
				  session, GFP_KERNEL));

	if (err)
		return err;
	session->serial = ++tracker_last_serial;
	hash_add(tracker_sessions, &session->node, (unsigned long)session->mm);
	WRITE_ONCE(tracker_nr_sessions, tracker_nr_sessions + 1);
	return 0;
}

static struct tracker_session *
__tracker_session_find_or_create(struct mm_struct *mm, struct pid *pid,
				 struct tracker_descent *descent,
				 struct tracker_session_open *args)
{
	struct tracker_session *session = __tracker_session_find(mm);
	struct file *file;

	if (session) {
		if (!(args->flags & TRACKER_SESSION_EXCLUSIVE))
			return session;
		fput(session->file);
		tracker_session_put(session);
		return ERR_PTR(-EEXIST);
	}
	if (!(args->flags & TRACKER_SESSION_CREATE))
		return ERR_PTR(-ENOENT);
	session = tracker_session_create(mm, pid, descent);
	if (!session)
		return ERR_PTR(-ENOMEM);
	file = tracker_pseudo_create(session);
	if (IS_ERR(file)) {
		tracker_session_put(session);
		return ERR_CAST(file);
	}
	if (__tracker_session_list(session)) {
		fput(file);
		tracker_session_put(session);
		return ERR_PTR(-ENOMEM);
	}
	args->created = 1;
	return session;
}

/**
 * tracker_session_find_or_create - the session of an address space
 * @mm: the address space
 * @pid: its process
 * @descent: what a new one comes from; its origin is taken
 * @args: flags; out: created
 *
 * Return: as tracker_session_find(), or an ERR_PTR: -EEXIST, -ENOENT or -ENOMEM.
 */
struct tracker_session *
tracker_session_find_or_create(struct mm_struct *mm, struct pid *pid,
			       struct tracker_descent *descent,
			       struct tracker_session_open *args)
{
	struct tracker_session *session;

	mutex_lock(&tracker_sessions_lock);
	session = __tracker_session_find_or_create(mm, pid, descent, args);
	mutex_unlock(&tracker_sessions_lock);
	return session;
}
