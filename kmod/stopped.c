// SPDX-License-Identifier: GPL-2.0-only
/* Is the target really stopped? Swap and revert are only safe when it is. */
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "tracker.h"

/*
 * Held by the caller's thread: nobody else can let it go, and the caller cannot
 * die before its call returns. A group stop would end at the next SIGCONT.
 */
static bool tracker_task_is_held(struct task_struct *task)
{
	return task_is_traced(task) && ptrace_parent(task) == current;
}

/**
 * tracker_check_stopped - check that nothing can run on an mm
 * @mm: the target's
 * @busy_tid: out: a thread that is not stopped, in the caller's pid namespace
 *
 * Every thread of every process on @mm (CLONE_VM, vfork) has to be in a ptrace
 * stop by the calling thread. A thread that has begun to exit but still has the
 * mm counts as running: it will write its clear_child_tid. So does a kernel
 * thread that works on the mm (vhost).
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
		if (READ_ONCE(thread->mm) != mm)
			continue;
		if (tracker_task_is_held(thread))
			continue;
		*busy_tid = task_pid_vnr(thread);
		err = -EBUSY;
		goto out;
	}
out:
	rcu_read_unlock();
	return err;
}
