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

/*
 * Each task on an mm is one of its users, but for kernel threads. If the threads of
 * the target's own process are all of them, but for the caller's reference, no other
 * process is on the mm, and the threads of the whole system need not be looked at.
 */
static bool tracker_is_held_by_itself(struct tracker_session *session)
{
	struct mm_struct *mm = session->mm;
	struct task_struct *leader, *thread;
	int nr_held = 0;

	leader = pid_task(session->pid, PIDTYPE_TGID);
	if (!leader)
		return false;
	for_each_thread(leader, thread) {
		if (READ_ONCE(thread->mm) != mm)
			continue;
		if (!tracker_task_is_held(thread))
			return false;
		nr_held++;
	}
	return nr_held && atomic_read(&mm->mm_users) == nr_held + 1;
}

/* Some keep only the mm's memory from going away, not its users (FunctionFS). */
static struct task_struct *tracker_find_kernel_thread(struct mm_struct *mm)
{
	struct task_struct *process;

	for_each_process(process)
		if (READ_ONCE(process->flags) & PF_KTHREAD &&
		    READ_ONCE(process->mm) == mm)
			return process;
	return NULL;
}

static struct task_struct *tracker_find_running(struct mm_struct *mm)
{
	struct task_struct *process, *thread;

	for_each_process_thread(process, thread)
		if (READ_ONCE(thread->mm) == mm &&
		    !tracker_task_is_held(thread))
			return thread;
	return NULL;
}

/**
 * tracker_check_stopped - check that nothing can run on a target's mm
 * @session: the session; the caller has a reference of its own on the mm's users
 * @busy_tid: out: a thread that is not stopped, in the caller's pid namespace
 *
 * Every thread of every process on the mm (CLONE_VM, vfork) has to be in a ptrace
 * stop by the calling thread. A thread that has begun to exit but still has the
 * mm counts as running: it will write its clear_child_tid. So does a kernel
 * thread that works on the mm (vhost). One that does so now and then, and has only
 * the mm itself for that, may begin right after this look: nothing keeps it off.
 *
 * Return: 0, or -EBUSY.
 */
int tracker_check_stopped(struct tracker_session *session, s32 *busy_tid)
{
	struct task_struct *running;

	*busy_tid = 0;
	rcu_read_lock();
	if (tracker_is_held_by_itself(session))
		running = tracker_find_kernel_thread(session->mm);
	else
		running = tracker_find_running(session->mm);
	if (running)
		*busy_tid = task_pid_vnr(running);
	rcu_read_unlock();
	return running ? -EBUSY : 0;
}
