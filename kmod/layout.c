// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout: what the target's mappings are, which are tracked, and which
 * could be.
 */
#include <linux/jhash.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "share.h"

struct tracker_walk {
	struct tracker_vma *vmas;
	u32 max_vmas;
	u32 nr_vmas;
};

static u32 tracker_vma_file(const struct vm_area_struct *vma)
{
	const struct inode *inode;

	if (!vma->vm_file)
		return 0;
	inode = file_inode(vma->vm_file);
	return jhash_3words(inode->i_ino, inode->i_ino >> 32,
			    jhash_3words(inode->i_sb->s_dev, vma->vm_pgoff,
					 inode->i_generation, 0), 0);
}

static void tracker_walk_add(struct tracker_walk *walk,
			     struct tracker_session *session,
			     struct vm_area_struct *vma)
{
	u16 state = tracker_vma_state(session, vma);
	struct tracker_region *region;
	struct tracker_vma *entry;

	if (walk->nr_vmas++ >= walk->max_vmas)
		return;
	entry = &walk->vmas[walk->nr_vmas - 1];
	memset(entry, 0, sizeof(*entry));
	entry->start = vma->vm_start;
	entry->end = vma->vm_end;
	entry->prot = (vma->vm_flags & VM_READ ? TRACKER_PROT_READ : 0) |
		      (vma->vm_flags & VM_WRITE ? TRACKER_PROT_WRITE : 0) |
		      (vma->vm_flags & VM_EXEC ? TRACKER_PROT_EXEC : 0);
	entry->kind = tracker_vma_kind(session, vma);
	entry->state = state;
	if (state != TRACKER_VMA_TRACKED) {
		entry->file = tracker_vma_file(vma);
		return;
	}
	if (!tracker_vma_is_target(vma)) {
		region = tracker_share_region(session,
					      vma->vm_file->f_mapping);
		/* It may lose, or get, a name while we look. */
		entry->kind = region->kind;
		entry->region = region->id;
		entry->region_page = vma->vm_pgoff;
		region->is_mapped = true;
		return;
	}
	region = tracker_region_lookup(session, vma->vm_pgoff);
	if (region) {
		entry->kind = region->kind;
		entry->region = region->id;
		entry->region_page = vma->vm_pgoff - region->base;
	}
}

static void tracker_walk_vmas(struct tracker_walk *walk,
			      struct tracker_session *session,
			      struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	for_each_vma(vmi, vma)
		tracker_walk_add(walk, session, vma);
}

/*
 * Shared files that the target maps no more are none of its memory. Those that
 * have lost their name make room for a new region, see vma.c.
 */
static void tracker_layout_detach(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long mapping;

	xa_for_each(&session->shares, mapping, region)
		if (!region->is_mapped)
			tracker_share_detach(region);
}

static void tracker_layout_unmark(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long mapping;

	xa_for_each(&session->shares, mapping, region)
		region->is_mapped = false;
}

static int tracker_layout_collect(struct tracker_session *session,
				  struct tracker_walk *walk)
{
	int err;

	walk->vmas = kvcalloc(walk->max_vmas, sizeof(*walk->vmas), GFP_KERNEL);
	if (!walk->vmas)
		return -ENOMEM;
	if (!mmget_not_zero(session->mm))
		return -ESRCH;
	tracker_layout_unmark(session);
	err = mmap_read_lock_killable(session->mm);
	if (!err) {
		tracker_walk_vmas(walk, session, session->mm);
		mmap_read_unlock(session->mm);
	}
	if (!err && walk->nr_vmas <= walk->max_vmas)
		tracker_layout_detach(session);
	if (!err)
		tracker_trim(session, session->mm);
	mmput(session->mm);
	return err;
}

/* TRACKER_IOC_LAYOUT. Caller holds session->lock. */
long tracker_ioctl_layout(struct tracker_session *session,
			  struct tracker_layout __user *argp)
{
	struct tracker_walk walk = {};
	struct tracker_layout args;
	long err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	walk.max_vmas = min_t(u32, args.nr_vmas, 1U << 20);
	err = tracker_layout_collect(session, &walk);
	if (err)
		goto out;
	args.nr_vmas = walk.nr_vmas;
	if (copy_to_user(u64_to_user_ptr(args.vmas_addr), walk.vmas,
			 min(walk.nr_vmas, walk.max_vmas) *
				 sizeof(*walk.vmas)) ||
	    copy_to_user(argp, &args, sizeof(args)))
		err = -EFAULT;
out:
	kvfree(walk.vmas);
	return err;
}
