// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout: what the target's mappings are, which are tracked, and which
 * could be. Also trims the pseudo-file to what is still mapped.
 */
#include <linux/jhash.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "tracker.h"

/* A part of the pseudo-file that the target maps. */
struct tracker_piece {
	pgoff_t start;
	pgoff_t end;
};

struct tracker_walk {
	struct tracker_vma *vmas;
	u32 max_vmas;
	u32 nr_vmas;
	struct tracker_piece *pieces;
	u32 nr_pieces;
	u32 hash;
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
	entry->kind = tracker_vma_kind(vma);
	entry->state = state;
	if (state != TRACKER_VMA_TRACKED) {
		entry->file = tracker_vma_file(vma);
		return;
	}
	if (!tracker_vma_is_target(vma)) {
		region = tracker_share_region(session, vma);
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
	walk->pieces[walk->nr_pieces].start = vma->vm_pgoff;
	walk->pieces[walk->nr_pieces].end = vma->vm_pgoff + vma_pages(vma);
	walk->nr_pieces++;
	walk->hash = jhash_3words(vma->vm_pgoff, vma->vm_pgoff >> 32,
				  vma_pages(vma), walk->hash);
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

static int tracker_piece_cmp(const void *a, const void *b)
{
	const struct tracker_piece *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * munmap() says nothing to us (no ->close), so pages that the target has
 * unmapped stay in the pseudo-file until here. Those that a forked child may
 * ask for stay for it.
 *
 * Caller holds mmap_lock: mremap() must not grow a mapping into what counts as
 * unmapped here.
 */
static void tracker_trim(struct tracker_session *session,
			 struct tracker_walk *walk)
{
	pgoff_t next = tracker_family_end(session->family);
	bool is_complete = next == 0;
	u32 i;

	if (walk->hash == session->layout_hash)
		return;
	sort(walk->pieces, walk->nr_pieces, sizeof(*walk->pieces),
	     tracker_piece_cmp, NULL);
	for (i = 0; i <= walk->nr_pieces; i++) {
		pgoff_t start = i < walk->nr_pieces ? walk->pieces[i].start :
						      TRACKER_MAX_PGOFF;

		if (start > next)
			tracker_drop(session, next, start);
		if (i < walk->nr_pieces)
			next = max(next, walk->pieces[i].end);
	}
	if (is_complete)
		session->layout_hash = walk->hash;
}

/* Shared files that the target maps no more are none of its memory. */
static void tracker_layout_detach(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long id;

	xa_for_each(&session->region_ids, id, region)
		if (region->share && !region->is_mapped)
			tracker_share_detach(region);
}

static void tracker_layout_unmark(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long id;

	xa_for_each(&session->region_ids, id, region)
		region->is_mapped = false;
}

static int tracker_layout_collect(struct tracker_session *session,
				  struct tracker_walk *walk)
{
	int err;

	walk->vmas = kvcalloc(walk->max_vmas, sizeof(*walk->vmas), GFP_KERNEL);
	walk->pieces = kvcalloc(walk->max_vmas, sizeof(*walk->pieces),
				GFP_KERNEL);
	if (!walk->vmas || !walk->pieces)
		return -ENOMEM;
	if (!mmget_not_zero(session->mm))
		return -ESRCH;
	tracker_layout_unmark(session);
	err = mmap_read_lock_killable(session->mm);
	if (!err) {
		tracker_walk_vmas(walk, session, session->mm);
		if (walk->nr_vmas <= walk->max_vmas)
			tracker_trim(session, walk);
		mmap_read_unlock(session->mm);
	}
	mmput(session->mm);
	if (!err && walk->nr_vmas <= walk->max_vmas)
		tracker_layout_detach(session);
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
	kvfree(walk.pieces);
	kvfree(walk.vmas);
	return err;
}
