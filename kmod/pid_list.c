// SPDX-License-Identifier: GPL-2.0-only
/* Lists of processes, found by their mms. */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "pid_list.h"

static pid_t tracker_mm_pid(struct mm_struct *mm)
{
	pid_t pid = 0;
#ifdef CONFIG_MEMCG
	struct task_struct *task;

	rcu_read_lock();
	task = rcu_dereference(mm->owner);
	if (task)
		pid = task_tgid_vnr(task);
	rcu_read_unlock();
#endif
	return pid;
}

/**
 * tracker_pid_list_add - a process, which may be there already
 * @list: the list
 * @mm: the process' mm; one that nobody uses any more is nobody
 *
 * Caller holds a lock under which @mm is there.
 */
void tracker_pid_list_add(struct tracker_pid_list *list, struct mm_struct *mm)
{
	if (!atomic_read(&mm->mm_users))
		return;
	if (list->nr_pids < list->max_pids)
		list->pids[list->nr_pids] = tracker_mm_pid(mm);
	list->nr_pids++;
}

static int tracker_pid_cmp(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void tracker_pid_list_unique(struct tracker_pid_list *list)
{
	u32 i, nr = 0;

	sort(list->pids, list->nr_pids, sizeof(*list->pids), tracker_pid_cmp,
	     NULL);
	for (i = 0; i < list->nr_pids; i++)
		if (!i || list->pids[i] != list->pids[i - 1])
			list->pids[nr++] = list->pids[i];
	list->nr_pids = nr;
}

/**
 * tracker_pid_list_fill - list processes, each once
 * @list: the list; empty
 * @collect: adds all of them, however much room there is
 * @data: for @collect
 *
 * Return: 0 or -ENOMEM; the list is to be freed either way.
 */
int tracker_pid_list_fill(struct tracker_pid_list *list,
			  void (*collect)(struct tracker_pid_list *list,
					  void *data),
			  void *data)
{
	do {
		kvfree(list->pids);
		list->max_pids = list->nr_pids + 64;
		list->pids = kvmalloc_array(list->max_pids, sizeof(*list->pids),
					    GFP_KERNEL);
		if (!list->pids)
			return -ENOMEM;
		list->nr_pids = 0;
		collect(list, data);
	} while (list->nr_pids > list->max_pids);
	tracker_pid_list_unique(list);
	return 0;
}

/**
 * tracker_pid_list_copy - hand a list to a controller
 * @list: the list
 * @address: the controller's array
 * @length: in: its length; out: that of the list
 *
 * Return: 0 or -EFAULT.
 */
int tracker_pid_list_copy(struct tracker_pid_list *list, u64 address,
			  u32 *length)
{
	u32 nr = min(list->nr_pids, *length);

	*length = list->nr_pids;
	if (copy_to_user(u64_to_user_ptr(address), list->pids,
			 nr * sizeof(*list->pids)))
		return -EFAULT;
	return 0;
}

void tracker_pid_list_free(struct tracker_pid_list *list)
{
	kvfree(list->pids);
}
