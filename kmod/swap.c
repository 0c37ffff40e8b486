// SPDX-License-Identifier: GPL-2.0-only
/*
 * Swap: the pages of its own that a private mapping has are copied into the
 * pseudo-file, and the pseudo-file is mapped over it. The target is stopped. The
 * work is done piece by piece, so that no more than one piece of memory exists
 * twice. Shared mappings are left to share.c.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "tracker.h"

#define TRACKER_SCAN_RUNS	128
#define TRACKER_BATCH_PAGES	64UL

/* ---- copying ------------------------------------------------------------ */

struct tracker_swapper {
	struct tracker_session *session;
	struct mm_struct *mm;
	u16 kind;
	bool noreserve;
	bool grows_down;
	bool is_heir;			/* a forked child's part of its parent's memory */
	unsigned long start;		/* of the range */
	unsigned long end;
	unsigned long prot;		/* PROT_* */
	vm_flags_t extra;
	struct tracker_label label;
	struct file *file;		/* counted: of a file's mapping */
	pgoff_t index;			/* the file's page at @start */
	pgoff_t pgoff;			/* of the pseudo-file, for @start */
	u64 nr_pages;
	struct tracker_resident_run *runs;
	struct page **pages;
};

static pgoff_t tracker_swapper_pgoff(struct tracker_swapper *swapper,
				     unsigned long addr)
{
	return swapper->pgoff + ((addr - swapper->start) >> PAGE_SHIFT);
}

/* What is not copied is a file's, or the parent's. */
static bool tracker_swap_has_backing(struct tracker_swapper *swapper)
{
	return swapper->kind == TRACKER_KIND_FILE_PRIVATE || swapper->is_heir;
}

/* Of anonymous memory, pages of zeros stay holes. */
static bool tracker_swap_needs(struct tracker_swapper *swapper,
			       struct page *page)
{
	void *content;
	bool is_zero;

	if (tracker_swap_has_backing(swapper))
		return PageAnon(compound_head(page));
	content = kmap_local_page(page);
	is_zero = !memchr_inv(content, 0, PAGE_SIZE);
	kunmap_local(content);
	return !is_zero;
}

static int tracker_swap_page(struct tracker_swapper *swapper,
			     struct page *from, unsigned long addr)
{
	pgoff_t pgoff = tracker_swapper_pgoff(swapper, addr);
	struct tracker_session *session = swapper->session;
	struct page *to;
	int ret;

	if (folio_maybe_dma_pinned(page_folio(from)))
		return -EAGAIN;
	if (!tracker_swap_needs(swapper, from))
		return 0;
	ret = tracker_frame_share(session, from, pgoff);
	if (ret) {
		swapper->nr_pages++;
		return ret < 0 ? ret : tracker_log_add(&session->log, pgoff);
	}
	to = shmem_read_mapping_page_gfp(session->inode->i_mapping, pgoff,
					 TRACKER_GFP);
	if (IS_ERR(to))
		return PTR_ERR(to);
	lock_page(to);
	copy_highpage(to, from);
	set_page_dirty(to);
	unlock_page(to);
	put_page(to);
	swapper->nr_pages++;
	/* Who reads the region meanwhile may have found the parent's page. */
	if (swapper->is_heir)
		tracker_donors_forget(session, pgoff, pgoff + 1);
	return tracker_log_add(&session->log, pgoff);
}

static int tracker_swap_batch(struct tracker_swapper *swapper,
			      unsigned long addr, unsigned long nr_pages)
{
	int err = 0;
	long i, got;

	mmap_read_lock(swapper->mm);
	/* FOLL_FORCE: PROT_WRITE alone is a mapping that cannot be read. */
	got = tracker_get_user_pages(swapper->mm, addr, nr_pages,
				     FOLL_GET | FOLL_FORCE, swapper->pages);
	mmap_read_unlock(swapper->mm);
	if (got <= 0)
		return got ? got : -EFAULT;
	for (i = 0; i < got; i++) {
		if (!err)
			err = tracker_swap_page(swapper, swapper->pages[i],
						addr + i * PAGE_SIZE);
		put_page(swapper->pages[i]);
	}
	if (err || got == nr_pages)
		return err;
	return tracker_swap_batch(swapper, addr + got * PAGE_SIZE,
				  nr_pages - got);
}

/* Copies up to @room pages of a run. Return: how many, or -errno. */
static long tracker_swap_run(struct tracker_swapper *swapper,
			     const struct tracker_resident_run *run,
			     unsigned long room)
{
	unsigned long wanted = min_t(unsigned long, run->nr_pages, room);
	unsigned long done, nr_pages;
	int err;

	for (done = 0; done < wanted; done += nr_pages) {
		nr_pages = min(wanted - done, TRACKER_BATCH_PAGES);
		err = tracker_swap_batch(swapper, run->start + done * PAGE_SIZE,
					 nr_pages);
		if (err)
			return err;
		cond_resched();
	}
	return done;
}

/* Where the range has pages, from @start on. Return: runs found, or -errno. */
static int tracker_swap_scan(struct tracker_swapper *swapper,
			     unsigned long start, unsigned long *next)
{
	struct vm_area_struct *vma;
	int nr_runs = -EINVAL;

	mmap_read_lock(swapper->mm);
	vma = find_vma(swapper->mm, start);
	if (vma && vma->vm_start <= start && vma->vm_end >= swapper->end)
		nr_runs = tracker_resident_scan(vma, start, swapper->end,
						swapper->runs,
						TRACKER_SCAN_RUNS, next);
	mmap_read_unlock(swapper->mm);
	return nr_runs;
}

/* Copies from @start on as much as makes a piece, which ends at *end. */
static int tracker_swap_copy(struct tracker_swapper *swapper,
			     unsigned long start, unsigned long *end)
{
	unsigned long room = TRACKER_PIECE_PAGES;
	const struct tracker_resident_run *run;
	long done;
	int nr_runs;

	for (*end = start; *end < swapper->end && room;) {
		nr_runs = tracker_swap_scan(swapper, *end, end);
		if (nr_runs < 0)
			return nr_runs;
		for (run = swapper->runs; run < swapper->runs + nr_runs; run++) {
			if (tracker_swap_has_backing(swapper) &&
			    !(run->flags & TRACKER_RESIDENT_ANON))
				continue;
			done = tracker_swap_run(swapper, run, room);
			if (done < 0)
				return done;
			room -= done;
			if (done < run->nr_pages) {
				*end = run->start + done * PAGE_SIZE;
				break;
			}
		}
	}
	return 0;
}

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

/* ---- the growing end of a stack ----------------------------------------- */

static int tracker_tail_page(struct mm_struct *mm, unsigned long addr,
			     unsigned int flags, struct page **page)
{
	long got;

	mmap_read_lock(mm);
	got = tracker_get_user_pages(mm, addr, 1, FOLL_GET | FOLL_FORCE | flags,
				     page);
	mmap_read_unlock(mm);
	return got == 1 ? 0 : got < 0 ? got : -EFAULT;
}

/*
 * The lowest page of a stack stays anonymous, or it could not grow. A main stack
 * has been moved by execve(): the page numbers in it do not follow from the
 * addresses, and what is put back above it would not be merged with it. So the
 * page is mapped anew. Where that cannot be, the stack is in two mappings after
 * the revert, and right. Once the old page may be gone there is no way back, so
 * this tries on: it is one page, and only a killed target has none.
 */
static void tracker_swap_renew_tail(struct tracker_swapper *swapper)
{
	struct tracker_map map = {
		.start = swapper->start - PAGE_SIZE,
		.end = swapper->start,
		.prot = swapper->prot,
		.flags = MAP_PRIVATE | MAP_GROWSDOWN,
		.extra = swapper->extra,
	};
	struct page *copy = alloc_page(GFP_HIGHUSER);
	struct page *page;
	bool is_pinned;

	if (!copy)
		return;
	if (tracker_tail_page(swapper->mm, map.start, 0, &page))
		goto out;
	copy_highpage(copy, page);
	is_pinned = folio_maybe_dma_pinned(page_folio(page));
	put_page(page);
	if (is_pinned)
		goto out;
	while (tracker_map_over(&map) ||
	       tracker_tail_page(swapper->mm, map.start, FOLL_WRITE, &page)) {
		if (test_bit(MMF_OOM_SKIP, &swapper->mm->flags))
			goto out;
		msleep(1);
	}
	copy_highpage(page, copy);
	set_page_dirty_lock(page);
	put_page(page);
out:
	put_page(copy);
}

/* ---- one range ---------------------------------------------------------- */

/*
 * What follows a tracked mapping, as brk() and mprotect() make it, goes on in
 * its region: both become one mapping. Not with forked children: they may have
 * had these pages, of which holes are not saved for them. Caller holds
 * mmap_lock.
 */
static bool tracker_swap_extend(struct tracker_swapper *swapper)
{
	struct tracker_session *session = swapper->session;
	struct vm_area_struct *prev = find_vma(swapper->mm, swapper->start - 1);
	unsigned long nr_pages = (swapper->end - swapper->start) >> PAGE_SHIFT;
	struct tracker_region *region;
	pgoff_t pgoff;

	if (swapper->kind != TRACKER_KIND_ANON_PRIVATE || swapper->grows_down ||
	    swapper->label.policy ||
	    tracker_family_has_snapshots(session->family))
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

/* A forked child's goes on where it was. */
static int tracker_swap_inherit(struct tracker_swapper *swapper)
{
	pgoff_t end = swapper->index +
		      ((swapper->end - swapper->start) >> PAGE_SHIFT);
	struct vm_area_struct *vma;
	bool is_mapped;

	mmap_read_lock(swapper->mm);
	vma = find_vma(swapper->mm, swapper->start);
	is_mapped = tracker_pages_are_mapped(swapper->mm, vma, swapper->session,
					     swapper->index, end);
	mmap_read_unlock(swapper->mm);
	if (is_mapped)
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
		err = tracker_check_stopped(swapper->mm, &args->busy_tid);
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
