// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions: one per tracked mm, found by pid, with one controller at a time.
 *
 * References: the pseudo-file holds one, each session or region fd another.
 * The session itself counts neither its file nor its mm as users, so it keeps
 * nothing of the target alive.
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "tracker.h"

DEFINE_MUTEX(tracker_sessions_lock); /* protects what follows */
static LIST_HEAD(tracker_sessions);
static u64 tracker_last_serial;

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

/* After this the session is not found by pid any more. */
void tracker_session_end(struct tracker_session *session)
{
	mutex_lock(&tracker_sessions_lock);
	list_del_init(&session->node);
	mutex_unlock(&tracker_sessions_lock);
}

/* The target's memory is no longer ours: no fault, no file tells us anything. */
void tracker_session_detach(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long id;

	xa_for_each(&session->region_ids, id, region)
		if (region->share)
			tracker_share_detach(region);
	tracker_sources_orphan(session);
}

bool tracker_session_is_over(struct tracker_session *session)
{
	bool over;

	mutex_lock(&tracker_sessions_lock);
	over = list_empty(&session->node);
	mutex_unlock(&tracker_sessions_lock);
	return over;
}

unsigned int tracker_session_count(void)
{
	struct tracker_session *session;
	unsigned int count = 0;

	mutex_lock(&tracker_sessions_lock);
	list_for_each_entry(session, &tracker_sessions, node)
		count++;
	mutex_unlock(&tracker_sessions_lock);
	return count;
}

/* What a new session comes from. Both may be NULL. */
struct tracker_descent {
	struct file *origin;		/* counted, until it is taken */
	struct tracker_tree *tree;	/* counted */
};

static struct tracker_session *
tracker_session_create(struct mm_struct *mm, struct pid *pid,
		       struct tracker_descent *descent)
{
	struct tracker_session *session = kzalloc(sizeof(*session), GFP_KERNEL);
	struct file *origin;

	if (!session)
		return NULL;
	kref_init(&session->kref);
	INIT_LIST_HEAD(&session->node);
	INIT_LIST_HEAD(&session->origin_node);
	/* Read by others than their writer. */
	mt_init_flags(&session->inherited, MT_FLAGS_USE_RCU);
	xa_init(&session->donors);
	mutex_init(&session->lock);
	spin_lock_init(&session->fork_lock);
	INIT_WORK(&session->trim_work, tracker_trim_work);
	tracker_log_init(&session->log);
	mt_init_flags(&session->regions, MT_FLAGS_USE_RCU);
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

/* Finds the session of @mm and takes its file and itself. */
static struct tracker_session *__tracker_session_find(struct mm_struct *mm)
{
	struct tracker_session *session;

	lockdep_assert_held(&tracker_sessions_lock);
	list_for_each_entry(session, &tracker_sessions, node) {
		if (session->mm != mm)
			continue;
		/* Zero: its last VMA is gone and ->release is on its way. */
		if (!tracker_file_tryget(session->file))
			continue;
		return tracker_session_get(session);
	}
	return NULL;
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
	session->serial = ++tracker_last_serial;
	list_add_tail(&session->node, &tracker_sessions);
	args->created = 1;
	return session;
}

/* Makes the caller the session's controller, or says who is. */
static int tracker_session_hold(struct tracker_session *session, s32 *holder)
{
	int err = 0;

	mutex_lock(&session->lock);
	if (session->holder) {
		*holder = pid_vnr(session->holder);
		err = -EBUSY;
	} else {
		session->holder = get_pid(task_tgid(current));
	}
	mutex_unlock(&session->lock);
	return err;
}

static void tracker_session_unhold(struct tracker_session *session)
{
	mutex_lock(&session->lock);
	tracker_harvest_abort(session);
	put_pid(session->holder);
	session->holder = NULL;
	mutex_unlock(&session->lock);
}

static int tracker_session_release_fd(struct inode *inode, struct file *file)
{
	struct tracker_controller *controller = file->private_data;
	struct tracker_session *session = controller->session;

	tracker_session_unhold(session);
	fput(controller->file);
	tracker_session_put(session);
	kfree(controller);
	return 0;
}

static int tracker_session_install_fd(struct tracker_session *session)
{
	struct tracker_controller *controller;
	int fd;

	controller = kmalloc(sizeof(*controller), GFP_KERNEL);
	if (!controller)
		return -ENOMEM;
	controller->session = session;
	controller->file = session->file;
	fd = anon_inode_getfd("[tracker-session]", &tracker_session_fops,
			      controller, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		kfree(controller);
	return fd;
}

static int tracker_target_get(pid_t nr, struct mm_struct **mm, struct pid **pid)
{
	struct task_struct *task;
	int err = -ESRCH;

	*pid = find_get_pid(nr);
	task = get_pid_task(*pid, PIDTYPE_PID);
	if (!task)
		goto err_put_pid;
	err = -EINVAL;
	if (task->flags & PF_KTHREAD)
		goto err_put_task;
	err = -EOPNOTSUPP;
	if (test_tsk_thread_flag(task, TIF_ADDR32))
		goto err_put_task;
	err = -ESRCH;
	*mm = get_task_mm(task);
	if (!*mm)
		goto err_put_task;
	put_pid(*pid);
	*pid = get_pid(task_tgid(task));
	put_task_struct(task);
	return 0;

err_put_task:
	put_task_struct(task);
err_put_pid:
	put_pid(*pid);
	return err;
}

static int tracker_descent_get(struct tracker_descent *descent,
			       struct mm_struct *mm,
			       struct tracker_session_open *args)
{
	*descent = (struct tracker_descent){};
	if (args->flags & TRACKER_SESSION_TREE) {
		descent->tree = tracker_session_tree(args->tree_fd);
		if (IS_ERR(descent->tree))
			return PTR_ERR(descent->tree);
	}
	if (args->flags & TRACKER_SESSION_CREATE)
		descent->origin = tracker_origin_find(mm);
	if (!IS_ERR(descent->origin))
		return 0;
	tracker_tree_put(descent->tree);
	return PTR_ERR(descent->origin);
}

static void tracker_descent_put(struct tracker_descent *descent)
{
	if (descent->origin)
		fput(descent->origin);
	tracker_tree_put(descent->tree);
}

static int tracker_session_open_mm(struct mm_struct *mm, struct pid *pid,
				   struct tracker_session_open *args)
{
	struct tracker_descent descent;
	struct tracker_session *session;
	struct file *file;
	int err;

	err = tracker_descent_get(&descent, mm, args);
	if (err)
		return err;
	mutex_lock(&tracker_sessions_lock);
	session = __tracker_session_find_or_create(mm, pid, &descent, args);
	mutex_unlock(&tracker_sessions_lock);
	tracker_descent_put(&descent);
	if (IS_ERR(session))
		return PTR_ERR(session);
	file = session->file;
	err = tracker_session_hold(session, &args->holder);
	if (err)
		goto err_put_session;
	args->fd = tracker_session_install_fd(session);
	if (args->fd < 0) {
		err = args->fd;
		goto err_unhold;
	}
	return 0;

err_unhold:
	tracker_session_unhold(session);
err_put_session:
	fput(file);
	tracker_session_put(session);
	return err;
}

/**
 * tracker_session_open - TRACKER_IOC_SESSION_OPEN
 * @argp: see the ABI header
 *
 * Return: 0 or -errno. The fd is installed even if copying @argp back fails,
 * as with other calls that return an fd by pointer.
 */
int tracker_session_open(struct tracker_session_open __user *argp)
{
	struct tracker_session_open args;
	struct mm_struct *mm;
	struct pid *pid;
	int err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~(TRACKER_SESSION_CREATE | TRACKER_SESSION_EXCLUSIVE |
			   TRACKER_SESSION_TREE) ||
	    memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	args.created = 0;
	args.holder = 0;
	args.fd = -1;
	err = tracker_target_get(args.pid, &mm, &pid);
	if (err)
		return err;
	if (mm == current->mm)
		err = -EINVAL;
	else
		err = tracker_session_open_mm(mm, pid, &args);
	put_pid(pid);
	mmput(mm);
	if (copy_to_user(argp, &args, sizeof(args)))
		return -EFAULT;
	return err;
}

/* Caller holds session->lock, except for a status that need not be exact. */
void tracker_session_fill_status(struct tracker_session *session,
				 struct tracker_session_status *status)
{
	struct tracker_log *log = &session->log;
	struct pid *holder = session->holder;

	memset(status, 0, sizeof(*status));
	rcu_read_lock();
	if (pid_task(session->pid, PIDTYPE_TGID))
		status->pid = pid_vnr(session->pid);
	rcu_read_unlock();
	status->holder = holder ? pid_vnr(holder) : 0;
	status->after = session->serial;
	memcpy(status->id, session->id, sizeof(status->id));
	status->epoch = session->epoch;
	status->committed = session->committed;
	status->nr_regions = session->nr_regions;
	status->nr_dirty = atomic_long_read(&log->nr_dirty);
	status->nr_pending = log->nr_pending;
	status->nr_chunks = atomic_long_read(&log->nr_chunks);
	status->log_bytes = status->nr_chunks * sizeof(struct tracker_chunk);
	status->nr_snapshots = READ_ONCE(session->family->nr_snapshots);
	status->overflow = log->overflow || log->overflow_pending;
	if (session->origin)
		tracker_origin_id(session, status->origin);
}

static struct tracker_session *
tracker_session_find_status(struct tracker_session_status *status,
			    struct mm_struct *mm)
{
	struct tracker_session *session;

	mutex_lock(&tracker_sessions_lock);
	list_for_each_entry(session, &tracker_sessions, node) {
		if (mm ? session->mm != mm : session->serial <= status->after)
			continue;
		if (!tracker_file_tryget(session->file))
			continue;
		tracker_session_get(session);
		mutex_unlock(&tracker_sessions_lock);
		return session;
	}
	mutex_unlock(&tracker_sessions_lock);
	return NULL;
}

/**
 * tracker_device_status - TRACKER_IOC_STATUS
 * @argp: see the ABI header
 *
 * Return: 0, -ENOENT where no (further) session is, or another -errno.
 */
int tracker_device_status(struct tracker_session_status __user *argp)
{
	struct tracker_session_status status;
	struct tracker_session *session;
	struct mm_struct *mm = NULL;
	struct pid *pid;
	struct file *file;
	int err;

	if (copy_from_user(&status, argp, sizeof(status)))
		return -EFAULT;
	if (memchr_inv(status.__reserved, 0, sizeof(status.__reserved)))
		return -EINVAL;
	if (status.pid) {
		err = tracker_target_get(status.pid, &mm, &pid);
		if (err)
			return err;
		put_pid(pid);
	}
	session = tracker_session_find_status(&status, mm);
	if (mm)
		mmput(mm);
	if (!session)
		return -ENOENT;
	file = session->file;
	mutex_lock(&session->lock);
	tracker_session_fill_status(session, &status);
	mutex_unlock(&session->lock);
	status.backing_pages = READ_ONCE(session->inode->i_mapping->nrpages);
	fput(file);
	tracker_session_put(session);
	return copy_to_user(argp, &status, sizeof(status)) ? -EFAULT : 0;
}

static long tracker_session_ioctl(struct file *file, unsigned int cmd,
				  unsigned long arg);

const struct file_operations tracker_session_fops = {
	.owner = THIS_MODULE,
	.release = tracker_session_release_fd,
	.unlocked_ioctl = tracker_session_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

/**
 * tracker_session_tree - the tree of the session that an fd controls
 * @fd: of the calling process
 *
 * Return: the tree with a reference, or an ERR_PTR.
 */
struct tracker_tree *tracker_session_tree(int fd)
{
	struct file *file = fget(fd);
	struct tracker_controller *controller;
	struct tracker_tree *tree = ERR_PTR(-EBADF);

	if (!file)
		return tree;
	if (file->f_op == &tracker_session_fops) {
		controller = file->private_data;
		tree = tracker_tree_get(controller->session->tree);
		WRITE_ONCE(tree->is_shared, true);
	}
	fput(file);
	return tree;
}

static long tracker_session_ioctl(struct file *file, unsigned int cmd,
				  unsigned long arg)
{
	struct tracker_controller *controller = file->private_data;
	struct tracker_session *session = controller->session;
	long ret;

	if (!tracker_caller_is_capable())
		return -EPERM;
	if (mutex_lock_interruptible(&session->lock))
		return -EINTR;
	ret = tracker_session_call(controller, cmd, (void __user *)arg);
	mutex_unlock(&session->lock);
	return ret;
}
