// SPDX-License-Identifier: GPL-2.0-only
/*
 * Session fds: a session is found by pid, and has one controller at a time.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "session.h"
#include "tree.h"

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

int tracker_target_get(pid_t nr, struct mm_struct **mm, struct pid **pid)
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
	session = tracker_session_find_or_create(mm, pid, &descent, args);
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
