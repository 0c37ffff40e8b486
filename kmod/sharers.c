// SPDX-License-Identifier: GPL-2.0-only
/* Who else maps what a target maps shared. */
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "share.h"

struct tracker_sharer_list {
	pid_t *pids;
	u32 max_pids;
	u32 nr_pids;
};

/* In the caller's namespace; 0 if there is none, or no task has the mm any more. */
pid_t tracker_mm_pid(struct mm_struct *mm)
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

/* One entry for each mapping, as far as there is room. */
static void tracker_sharers_collect(struct tracker_sharer_list *list,
				    struct address_space *mapping,
				    struct mm_struct *except)
{
	struct vm_area_struct *vma;
	struct rb_node *node;

	list->nr_pids = 0;
	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node;
	     node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		if (vma->vm_mm == except || !(vma->vm_flags & VM_MAYSHARE) ||
		    !atomic_read(&vma->vm_mm->mm_users))
			continue;
		if (list->nr_pids < list->max_pids)
			list->pids[list->nr_pids] = tracker_mm_pid(vma->vm_mm);
		list->nr_pids++;
	}
	i_mmap_unlock_read(mapping);
}

static int tracker_pid_cmp(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void tracker_sharers_unique(struct tracker_sharer_list *list)
{
	u32 i, nr = 0;

	sort(list->pids, list->nr_pids, sizeof(*list->pids), tracker_pid_cmp,
	     NULL);
	for (i = 0; i < list->nr_pids; i++)
		if (!i || list->pids[i] != list->pids[i - 1])
			list->pids[nr++] = list->pids[i];
	list->nr_pids = nr;
}

static int tracker_sharers_list(struct tracker_sharer_list *list,
				struct address_space *mapping,
				struct mm_struct *except)
{
	do {
		kvfree(list->pids);
		list->max_pids = list->nr_pids + 64;
		list->pids = kvmalloc_array(list->max_pids, sizeof(*list->pids),
					    GFP_KERNEL);
		if (!list->pids)
			return -ENOMEM;
		tracker_sharers_collect(list, mapping, except);
	} while (list->nr_pids > list->max_pids);
	tracker_sharers_unique(list);
	return 0;
}

static struct file *tracker_shared_file(struct mm_struct *mm,
					unsigned long addr)
{
	struct vm_area_struct *vma;
	struct file *file = NULL;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr && vma->vm_file &&
	    vma->vm_flags & VM_MAYSHARE && !tracker_vma_is_target(vma))
		file = get_file(vma->vm_file);
	mmap_read_unlock(mm);
	return file;
}

static int tracker_sharers_find(struct tracker_sharer_list *list,
				struct mm_struct *mm, unsigned long addr)
{
	struct file *file;
	int err;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	file = tracker_shared_file(mm, addr);
	mmput(mm);
	if (!file)
		return -EINVAL;
	err = tracker_sharers_list(list, file->f_mapping, mm);
	fput(file);
	return err;
}

/* TRACKER_IOC_SHARERS. Caller holds session->lock. */
long tracker_ioctl_sharers(struct tracker_session *session,
			   struct tracker_sharers __user *argp)
{
	struct tracker_sharer_list list = {};
	struct tracker_sharers args;
	long err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	err = tracker_sharers_find(&list, session->mm, args.start);
	if (!err) {
		if (copy_to_user(u64_to_user_ptr(args.pids_addr), list.pids,
				 min(list.nr_pids, args.nr_pids) *
					 sizeof(*list.pids)))
			err = -EFAULT;
		args.nr_pids = list.nr_pids;
		if (!err && copy_to_user(argp, &args, sizeof(args)))
			err = -EFAULT;
	}
	kvfree(list.pids);
	return err;
}
