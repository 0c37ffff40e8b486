// SPDX-License-Identifier: GPL-2.0-only
/* Is the target really stopped? Swap and revert are only safe when it is. */
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "tracker.h"

static bool tracker_task_is_stopped(struct task_struct *task)
{
	return task_is_traced(task) || task_is_stopped(task);
}

/**
 * tracker_check_stopped - check that nothing runs on an mm
 * @mm: the target's
 * @busy_tid: out: a thread that is not stopped, in the caller's pid namespace
 *
 * Every thread of every process on @mm (CLONE_VM, vfork) has to be in a ptrace
 * or group stop. A thread that has begun to exit but still has the mm counts
 * as running: it will write its clear_child_tid.
 *
 * Return: 0, or -EBUSY.
 */
int tracker_check_stopped(struct mm_struct *mm, s32 *busy_tid)
{
	struct task_struct *process, *thread;
	int err = 0;

	*busy_tid = 0;
	rcu_read_lock();
	for_each_process_thread(process, thread) {
		if (READ_ONCE(thread->mm) != mm || thread->flags & PF_KTHREAD)
			continue;
		if (tracker_task_is_stopped(thread))
			continue;
		*busy_tid = task_pid_vnr(thread);
		err = -EBUSY;
		goto out;
	}
out:
	rcu_read_unlock();
	return err;
}
