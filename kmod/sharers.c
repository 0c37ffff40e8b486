// SPDX-License-Identifier: GPL-2.0-only
/* Who else maps what a target maps shared. */
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "pid_list.h"
#include "share.h"

/* Who maps a file, but for one mm. */
struct tracker_sharers_of {
	struct address_space *mapping;
	struct mm_struct *except;
};

static void tracker_sharers_collect(struct tracker_pid_list *list, void *data)
{
	struct tracker_sharers_of *of = data;
	struct vm_area_struct *vma;
	struct rb_node *node;

	i_mmap_lock_read(of->mapping);
	for (node = rb_first_cached(&of->mapping->i_mmap); node;
	     node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		if (vma->vm_mm != of->except && vma->vm_flags & VM_MAYSHARE)
			tracker_pid_list_add(list, vma->vm_mm);
	}
	i_mmap_unlock_read(of->mapping);
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

static int tracker_sharers_find(struct tracker_pid_list *list,
				struct mm_struct *mm, unsigned long addr)
{
	struct tracker_sharers_of of = { .except = mm };
	struct file *file;
	int err;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	file = tracker_shared_file(mm, addr);
	mmput(mm);
	if (!file)
		return -EINVAL;
	of.mapping = file->f_mapping;
	err = tracker_pid_list_fill(list, tracker_sharers_collect, &of);
	fput(file);
	return err;
}

/* TRACKER_IOC_SHARERS. Caller holds session->lock. */
long tracker_ioctl_sharers(struct tracker_session *session,
			   struct tracker_sharers __user *argp)
{
	struct tracker_pid_list list = {};
	struct tracker_sharers args;
	long err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	err = tracker_sharers_find(&list, session->mm, args.start);
	if (!err)
		err = tracker_pid_list_copy(&list, args.pids_addr, &args.nr_pids);
	if (!err && copy_to_user(argp, &args, sizeof(args)))
		err = -EFAULT;
	tracker_pid_list_free(&list);
	return err;
}
