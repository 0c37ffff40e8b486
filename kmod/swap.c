// SPDX-License-Identifier: GPL-2.0-only
/*
 * Swap: the pages of its own that a private mapping has are copied into the
 * pseudo-file, and the pseudo-file is mapped over it. The target is stopped. The
 * work is done piece by piece, so that no more than one piece of memory exists
 * twice. Shared mappings are left to share.c.
 */
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "pieces.h"
#include "share.h"
#include "source.h"
#include "swap.h"
#include "tree.h"

/* ---- replacing ---------------------------------------------------------- */

static int tracker_swap_map(struct tracker_swapper *swapper,
			    unsigned long start, unsigned long end)
{
	struct tracker_map map = {
		.file = swapper->session->file,
		.offset = (loff_t)tracker_swapper_pgoff(swapper, start)
			  << PAGE_SHIFT,
		.start = start,
		.end = end,
		.prot = swapper->prot,
		.flags = MAP_SHARED,
		.extra = swapper->extra,
	};

	return tracker_map_over(&map);
}

static void tracker_swap_undo_copy(struct tracker_swapper *swapper,
				   unsigned long start, unsigned long end)
{
	loff_t from = (loff_t)tracker_swapper_pgoff(swapper, start)
		      << PAGE_SHIFT;

	shmem_truncate_range(swapper->session->inode, from,
			     from + (end - start) - 1);
	tracker_donors_forget(swapper->session,
			      tracker_swapper_pgoff(swapper, start),
			      tracker_swapper_pgoff(swapper, end));
}

static int tracker_swap_piece(struct tracker_swapper *swapper,
			      unsigned long start, unsigned long *end)
{
	int err = tracker_swap_copy(swapper, start, end);

	if (!err)
		err = tracker_swap_map(swapper, start, *end);
	if (err)
		tracker_swap_undo_copy(swapper, start, swapper->end);
	return err;
}

/* ---- one range ---------------------------------------------------------- */

/*
 * What follows a tracked mapping, as brk() and mprotect() make it, goes on in
 * its region: both become one mapping. Not with forked children: they may have
 * had these pages, of which holes are not saved for them. Caller holds mmap_lock.
 */
static bool tracker_swap_extend(struct tracker_swapper *swapper)
{
	struct tracker_session *session = swapper->session;
	struct vm_area_struct *prev = find_vma(swapper->mm, swapper->start - 1);
	unsigned long nr_pages = (swapper->end - swapper->start) >> PAGE_SHIFT;
	struct tracker_region *region;
	pgoff_t pgoff;

	if (swapper->kind != TRACKER_KIND_ANON_PRIVATE || swapper->grows_down ||
	    swapper->label.policy || tracker_family_has_snapshots(session->family))
		return false;
	if (!prev || prev->vm_end != swapper->start ||
	    !tracker_vma_is_target(prev) ||
	    tracker_vma_session(prev) != session)
		return false;
	region = tracker_region_lookup(session, prev->vm_pgoff);
	pgoff = prev->vm_pgoff + vma_pages(prev);
	if (!region || region->kind != swapper->kind || region->grows_down ||
	    region->noreserve != swapper->noreserve ||
	    region->name != swapper->label.name ||
	    pgoff + nr_pages > region->base + region->nr_pages ||
	    !tracker_pages_are_free(swapper->mm, prev, session, pgoff,
				    pgoff + nr_pages) ||
	    tracker_discard(session, pgoff, pgoff + nr_pages))
		return false;
	swapper->pgoff = pgoff;
	return true;
}

/* A forked child's mapping of its parent's memory will be at its place. */
static bool tracker_piece_is_own(struct tracker_session *session,
				 struct vm_area_struct *vma)
{
	return tracker_vma_is_heir(session, vma) ||
	       (tracker_vma_is_target(vma) &&
		tracker_vma_session(vma) == session);
}

/* Is no page that the target has, or will have, at two addresses? */
static bool tracker_swap_has_no_twin(struct tracker_swapper *swapper)
{
	struct tracker_pieces list;
	bool has_none = false;

	if (!tracker_pieces_alloc(&list, swapper->mm))
		return false;
	mmap_read_lock(swapper->mm);
	tracker_pieces_collect(&list, swapper->session, swapper->mm,
			       tracker_piece_is_own);
	mmap_read_unlock(swapper->mm);
	if (list.nr_pieces <= list.max_pieces) {
		tracker_pieces_sort(&list);
		has_none = !tracker_pieces_overlap(&list);
	}
	kvfree(list.pieces);
	return has_none;
}

/*
 * What a forked child maps of its parent's memory goes on where it was: no page
 * of it may be at another address, too. The target stands, so that mostly it is
 * enough to look once; only where something is at two addresses (mremap() with
 * MREMAP_DONTUNMAP) each range is looked at, among what all children map of it.
 */
static bool tracker_swap_is_single(struct tracker_swapper *swapper, pgoff_t end)
{
	struct tracker_session *session = swapper->session;
	struct mm_struct *mm = swapper->mm;
	struct vm_area_struct *vma;
	bool is_mapped;

	if (swapper->twins == TRACKER_TWINS_UNKNOWN)
		swapper->twins = tracker_swap_has_no_twin(swapper) ?
					 TRACKER_TWINS_NONE :
					 TRACKER_TWINS_SOME;
	if (swapper->twins == TRACKER_TWINS_NONE)
		return true;
	mmap_read_lock(mm);
	vma = find_vma(mm, swapper->start);
	is_mapped = tracker_file_is_mapped(session->file, mm, vma,
					   swapper->index, end) ||
		    tracker_file_is_mapped(session->origin, mm, vma,
					   swapper->index, end);
	mmap_read_unlock(mm);
	return !is_mapped;
}

static int tracker_swap_inherit(struct tracker_swapper *swapper)
{
	pgoff_t end = swapper->index +
		      ((swapper->end - swapper->start) >> PAGE_SHIFT);

	if (!tracker_swap_is_single(swapper, end))
		return -EINVAL;
	swapper->pgoff = swapper->index;
	return tracker_origin_inherit(swapper->session, swapper->index, end);
}

static int tracker_swap_new_region(struct tracker_swapper *swapper)
{
	struct tracker_region *region;
	int err = 0;

	region = tracker_region_create(swapper->session,
				       (swapper->end - swapper->start) >>
					       PAGE_SHIFT, swapper->kind);
	if (IS_ERR(region))
		return PTR_ERR(region);
	region->noreserve = swapper->noreserve;
	region->grows_down = swapper->grows_down;
	region->name = tracker_name_get(swapper->label.name);
	if (swapper->kind == TRACKER_KIND_FILE_PRIVATE)
		err = tracker_source_create(swapper->session, swapper->file,
					    region->base, region->nr_pages,
					    swapper->index);
	if (err)
		tracker_region_destroy(swapper->session, region);
	else
		swapper->pgoff = region->base;
	return err;
}

/* What the mapping is. Return: 0 or -EINVAL. Caller holds mmap_lock. */
static int tracker_swap_look(struct tracker_swapper *swapper)
{
	struct vm_area_struct *vma = find_vma(swapper->mm, swapper->start);

	if (!vma || vma->vm_start > swapper->start ||
	    vma->vm_end < swapper->end ||
	    tracker_vma_state(swapper->session, vma) != TRACKER_VMA_SWAPPABLE)
		return -EINVAL;
	swapper->is_heir = tracker_vma_is_heir(swapper->session, vma);
	swapper->kind = tracker_vma_kind(swapper->session, vma);
	swapper->prot = tracker_vma_prot(vma);
	swapper->extra = tracker_vma_extra(vma);
	swapper->noreserve = vma->vm_flags & VM_NORESERVE;
	swapper->grows_down = vma->vm_flags & VM_GROWSDOWN;
	if (swapper->grows_down && swapper->start == vma->vm_start)
		swapper->start += PAGE_SIZE;
	if (swapper->start >= swapper->end)
		return -EINVAL;
	if (vma->vm_file)
		swapper->file = get_file(vma->vm_file);
	swapper->index = vma->vm_pgoff +
			 ((swapper->start - vma->vm_start) >> PAGE_SHIFT);
	if (swapper->kind == TRACKER_KIND_ANON_PRIVATE ||
	    swapper->kind == TRACKER_KIND_FILE_PRIVATE)
		tracker_label_get(&swapper->label, vma);
	return 0;
}

/* Where in the pseudo-file. Return: 0 or -errno. */
static int tracker_swap_place(struct tracker_swapper *swapper)
{
	bool is_extended;

	if (swapper->is_heir)
		return tracker_swap_inherit(swapper);
	mmap_read_lock(swapper->mm);
	is_extended = tracker_swap_extend(swapper);
	mmap_read_unlock(swapper->mm);
	return is_extended ? 0 : tracker_swap_new_region(swapper);
}

/* Runs in the target's mm. */
static int tracker_swap_private(void *data)
{
	struct tracker_swapper *swapper = data;
	unsigned long start, end;
	int err = tracker_swap_place(swapper);

	if (err)
		return err;
	for (start = swapper->start; start < swapper->end; start = end) {
		err = tracker_swap_piece(swapper, start, &end);
		if (err)
			break;
	}
	/* Log entries of a piece that failed must find their region. */
	if (!err && swapper->grows_down)
		tracker_swap_renew_tail(swapper);
	return err;
}

static bool tracker_kind_is_shared(u16 kind)
{
	return kind == TRACKER_KIND_ANON_SHARED ||
	       kind == TRACKER_KIND_FILE_SHARED;
}

static int tracker_swap_range(struct tracker_swapper *swapper,
			      const struct tracker_range *range, u32 flags)
{
	int err;

	swapper->start = range->start;
	swapper->end = range->end;
	swapper->file = NULL;
	swapper->label = (struct tracker_label){};
	mmap_read_lock(swapper->mm);
	err = tracker_swap_look(swapper);
	mmap_read_unlock(swapper->mm);
	if (err)
		return err;
	if (tracker_kind_is_shared(swapper->kind)) {
		err = tracker_share_attach(swapper->session, swapper->file,
					   swapper->kind);
	} else if (flags & TRACKER_SWAP_SHARED) {
		err = -EINVAL;
	} else {
		err = tracker_run_in_mm(swapper->mm, tracker_swap_private,
					swapper);
	}
	if (!tracker_label_is_empty(&swapper->label))
		tracker_label_set(&swapper->label, swapper->mm, range->start,
				  range->end);
	if (swapper->file)
		fput(swapper->file);
	return err;
}

static int tracker_swapper_alloc(struct tracker_swapper *swapper)
{
	swapper->runs = kmalloc_array(TRACKER_SCAN_RUNS, sizeof(*swapper->runs),
				      GFP_KERNEL);
	swapper->pages = kmalloc_array(TRACKER_BATCH_PAGES,
				       sizeof(*swapper->pages), GFP_KERNEL);
	return swapper->runs && swapper->pages ? 0 : -ENOMEM;
}

static int tracker_swap_ranges(struct tracker_swapper *swapper,
			       struct tracker_swap *args)
{
	struct tracker_range __user *ranges = u64_to_user_ptr(args->ranges_addr);
	struct tracker_range range;
	int err = 0;

	if (!(args->flags & TRACKER_SWAP_SHARED))
		err = tracker_check_stopped(swapper->session,
					    &args->busy_tid);
	while (!err && args->nr_done < args->nr_ranges) {
		if (copy_from_user(&range, &ranges[args->nr_done], sizeof(range)))
			return -EFAULT;
		if (!PAGE_ALIGNED(range.start | range.end) ||
		    range.start >= range.end || range.end > TASK_SIZE_MAX)
			return -EINVAL;
		if (fatal_signal_pending(current))
			return -EINTR;
		err = tracker_swap_range(swapper, &range, args->flags);
		if (!err)
			args->nr_done++;
	}
	return err;
}

/* TRACKER_IOC_SWAP. Caller holds session->lock. */
long tracker_ioctl_swap(struct tracker_session *session,
			struct tracker_swap __user *argp)
{
	struct tracker_swapper swapper = { .session = session };
	struct tracker_swap args;
	long err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~TRACKER_SWAP_SHARED ||
	    memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	args.nr_done = 0;
	args.busy_tid = 0;
	err = tracker_swapper_alloc(&swapper);
	if (err)
		goto out;
	err = -ESRCH;
	if (!mmget_not_zero(session->mm))
		goto out;
	swapper.mm = session->mm;
	err = tracker_swap_ranges(&swapper, &args);
	mmput(session->mm);
	args.nr_pages = swapper.nr_pages;
	if (copy_to_user(argp, &args, sizeof(args)))
		err = -EFAULT;
out:
	kfree(swapper.pages);
	kfree(swapper.runs);
	return err;
}
