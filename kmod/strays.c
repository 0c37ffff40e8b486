// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strays: forked children, and theirs, that nobody tracks yet. Whoever has memory
 * of a target maps the pseudo-file of it: procfs may hide a process that is born
 * while others exit, its mappings do not.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "session.h"
#include "tree.h"

struct tracker_stray_list {
	struct tracker_stray *strays;
	u32 max_strays;
	u32 nr_strays;		/* may be more than there was room for */
	struct mm_struct *last;	/* a process has several mappings */
};

/*
 * An mm without an owner is pinned by somebody after its last task has gone. A
 * newborn's has its task from the start. Caller holds tracker_sessions_lock.
 */
static bool tracker_mm_is_stray(struct mm_struct *mm)
{
	if (!atomic_read(&mm->mm_users) || __tracker_session_exists(mm))
		return false;
#ifdef CONFIG_MEMCG
	return rcu_access_pointer(mm->owner);
#else
	return true;
#endif
}

static void tracker_stray_list_add(struct tracker_stray_list *list,
				   struct vm_area_struct *vma)
{
	struct tracker_snapshot *snapshot = vma->vm_file->private_data;
	struct tracker_stray *stray;

	if (vma->vm_mm == list->last || !tracker_mm_is_stray(vma->vm_mm))
		return;
	list->last = vma->vm_mm;
	if (list->nr_strays < list->max_strays) {
		stray = &list->strays[list->nr_strays];
		stray->pid = tracker_mm_pid(vma->vm_mm);
		stray->__reserved = 0;
		memcpy(stray->origin, snapshot->session->id,
		       sizeof(stray->origin));
	}
	list->nr_strays++;
}

/*
 * Caller holds tree->forks_lock: the family's forks, and so the inode, are there.
 * What is mapped has its file, and so its snapshot.
 */
static void tracker_strays_of_family(struct tracker_stray_list *list,
				     struct tracker_family *family)
{
	struct address_space *mapping = family->inode->i_mapping;
	struct vm_area_struct *vma;
	struct rb_node *node;

	list->last = NULL;
	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node;
	     node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		if (tracker_vma_is_child(vma))
			tracker_stray_list_add(list, vma);
		cond_resched();
	}
	i_mmap_unlock_read(mapping);
}

static void tracker_strays_collect(struct tracker_stray_list *list,
				   struct tracker_tree *tree)
{
	struct tracker_family *family;

	list->nr_strays = 0;
	mutex_lock(&tracker_sessions_lock);
	mutex_lock(&tree->forks_lock);
	list_for_each_entry(family, &tree->forked, forked_node)
		tracker_strays_of_family(list, family);
	mutex_unlock(&tree->forks_lock);
	mutex_unlock(&tracker_sessions_lock);
}

static int tracker_stray_cmp(const void *a, const void *b)
{
	const struct tracker_stray *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return memcmp(x->origin, y->origin, sizeof(x->origin));
}

static void tracker_stray_list_unique(struct tracker_stray_list *list)
{
	struct tracker_stray *strays = list->strays;
	u32 i, nr = 0;

	sort(strays, list->nr_strays, sizeof(*strays), tracker_stray_cmp, NULL);
	for (i = 0; i < list->nr_strays; i++)
		if (!nr || tracker_stray_cmp(&strays[i], &strays[nr - 1]))
			strays[nr++] = strays[i];
	list->nr_strays = nr;
}

static int tracker_stray_list_fill(struct tracker_stray_list *list,
				   struct tracker_tree *tree)
{
	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		kvfree(list->strays);
		list->max_strays = list->nr_strays + 64;
		list->strays = kvmalloc_array(list->max_strays,
					      sizeof(*list->strays),
					      GFP_KERNEL);
		if (!list->strays)
			return -ENOMEM;
		tracker_strays_collect(list, tree);
	} while (list->nr_strays > list->max_strays);
	tracker_stray_list_unique(list);
	return 0;
}

/* TRACKER_IOC_STRAYS. Caller holds session->lock. */
long tracker_ioctl_strays(struct tracker_session *session,
			  struct tracker_strays __user *argp)
{
	struct tracker_stray_list list = {};
	struct tracker_strays args;
	long err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	err = tracker_stray_list_fill(&list, session->tree);
	if (!err) {
		if (copy_to_user(u64_to_user_ptr(args.strays_addr), list.strays,
				 min(list.nr_strays, args.nr_strays) *
					 sizeof(*list.strays)))
			err = -EFAULT;
		args.nr_strays = list.nr_strays;
		if (!err && copy_to_user(argp, &args, sizeof(args)))
			err = -EFAULT;
	}
	kvfree(list.strays);
	return err;
}
