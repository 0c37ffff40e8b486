// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strays: forked children, and theirs, that nobody tracks yet. Whoever has memory
 * of a target maps the pseudo-file of it: procfs may hide a process that is born
 * while others exit, its mappings do not.
 */
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include "pid_list.h"
#include "session.h"
#include "tree.h"

/* Caller holds tree->forks_lock: the family's forks, and so the inode, are there. */
static void tracker_strays_of_family(struct tracker_pid_list *list,
				     struct tracker_family *family)
{
	struct address_space *mapping = family->inode->i_mapping;
	struct vm_area_struct *vma;
	struct rb_node *node;

	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node;
	     node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		if (tracker_vma_is_child(vma) &&
		    !__tracker_session_exists(vma->vm_mm))
			tracker_pid_list_add(list, vma->vm_mm);
	}
	i_mmap_unlock_read(mapping);
}

static void tracker_strays_collect(struct tracker_pid_list *list, void *data)
{
	struct tracker_tree *tree = data;
	struct tracker_family *family;

	mutex_lock(&tracker_sessions_lock);
	mutex_lock(&tree->forks_lock);
	list_for_each_entry(family, &tree->forked, forked_node)
		tracker_strays_of_family(list, family);
	mutex_unlock(&tree->forks_lock);
	mutex_unlock(&tracker_sessions_lock);
}

/* TRACKER_IOC_STRAYS. Caller holds session->lock. */
long tracker_ioctl_strays(struct tracker_session *session,
			  struct tracker_strays __user *argp)
{
	struct tracker_pid_list list = {};
	struct tracker_strays args;
	long err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	err = tracker_pid_list_fill(&list, tracker_strays_collect, session->tree);
	if (!err)
		err = tracker_pid_list_copy(&list, args.pids_addr, &args.nr_pids);
	if (!err && copy_to_user(argp, &args, sizeof(args)))
		err = -EFAULT;
	tracker_pid_list_free(&list);
	return err;
}
