// SPDX-License-Identifier: GPL-2.0-only
/*
 * Swap: the content of an anonymous mapping is copied into the pseudo-file, and
 * the pseudo-file is mapped over it. The target is stopped. The work is done
 * piece by piece, so that no more than one piece of memory exists twice.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "tracker.h"

#define TRACKER_SCAN_RUNS	128
#define TRACKER_BATCH_PAGES	64
#define TRACKER_MAP_TRIES	100

/* ---- running in a target's mm ------------------------------------------- */

struct tracker_mm_work {
	struct work_struct work;
	struct mm_struct *mm;
	int (*fn)(void *data);
	void *data;
	int ret;
};

static void tracker_mm_work_run(struct work_struct *work)
{
	struct tracker_mm_work *mm_work =
		container_of(work, struct tracker_mm_work, work);

	kthread_use_mm(mm_work->mm);
	mm_work->ret = mm_work->fn(mm_work->data);
	kthread_unuse_mm(mm_work->mm);
}

/* vm_mmap() works on current->mm, which only a kernel thread may choose. */
int tracker_run_in_mm(struct mm_struct *mm, int (*fn)(void *), void *data)
{
	struct tracker_mm_work mm_work = { .mm = mm, .fn = fn, .data = data };

	INIT_WORK_ONSTACK(&mm_work.work, tracker_mm_work_run);
	queue_work(system_unbound_wq, &mm_work.work);
	flush_work(&mm_work.work);
	destroy_work_on_stack(&mm_work.work);
	return mm_work.ret;
}

/* ---- copying ------------------------------------------------------------ */

struct tracker_swapper {
	struct tracker_session *session;
	struct mm_struct *mm;
	struct tracker_region *region;
	unsigned long start;		/* of the range */
	unsigned long end;
	unsigned long prot;		/* PROT_* */
	unsigned long map_flags;	/* MAP_* */
	u64 nr_pages;
	struct tracker_resident_run *runs;
	struct page **pages;
};

static pgoff_t tracker_swapper_pgoff(struct tracker_swapper *swapper,
				     unsigned long addr)
{
	return swapper->region->base + ((addr - swapper->start) >> PAGE_SHIFT);
}

/* Pages of zeros stay holes. */
static int tracker_swap_page(struct tracker_swapper *swapper,
			     struct page *from, unsigned long addr)
{
	pgoff_t pgoff = tracker_swapper_pgoff(swapper, addr);
	struct tracker_session *session = swapper->session;
	struct page *to;
	void *content = kmap_local_page(from);
	bool is_zero = !memchr_inv(content, 0, PAGE_SIZE);

	kunmap_local(content);
	if (folio_maybe_dma_pinned(page_folio(from)))
		return -EAGAIN;
	if (is_zero)
		return 0;
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

static int tracker_swap_run(struct tracker_swapper *swapper,
			    const struct tracker_resident_run *run)
{
	unsigned long done, nr_pages;
	int err;

	for (done = 0; done < run->nr_pages; done += nr_pages) {
		nr_pages = min_t(unsigned long, run->nr_pages - done,
				 TRACKER_BATCH_PAGES);
		err = tracker_swap_batch(swapper, run->start + done * PAGE_SIZE,
					 nr_pages);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static int tracker_swap_copy(struct tracker_swapper *swapper,
			     unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;
	int i, nr_runs, err;

	while (start < end) {
		mmap_read_lock(swapper->mm);
		vma = find_vma(swapper->mm, start);
		nr_runs = -EINVAL;
		if (vma && vma->vm_start <= start && vma->vm_end >= end)
			nr_runs = tracker_resident_scan(vma, start, end,
							swapper->runs,
							TRACKER_SCAN_RUNS,
							&start);
		mmap_read_unlock(swapper->mm);
		if (nr_runs < 0)
			return nr_runs;
		for (i = 0; i < nr_runs; i++) {
			err = tracker_swap_run(swapper, &swapper->runs[i]);
			if (err)
				return err;
		}
	}
	return 0;
}

/* ---- replacing ---------------------------------------------------------- */

static bool tracker_is_mapped(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	bool mapped;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	mapped = vma && vma->vm_start <= addr;
	mmap_read_unlock(mm);
	return mapped;
}

/**
 * tracker_map_over - replace what is mapped in a range of current->mm
 * @file: what to map there, or NULL for anonymous memory
 * @start: first byte
 * @end: byte after the last one
 * @prot: PROT_*
 * @flags: MAP_* without MAP_FIXED
 * @offset: into @file
 *
 * The content is safe elsewhere. mmap_region() may unmap the old mapping and
 * then run out of memory for the new one. With a file this tries until it
 * succeeds: the allocations are small. Anonymous memory is also subject to the
 * overcommit policy, so that it is asked for without a reserve the next time;
 * only vm.overcommit_memory=2 can refuse that as well.
 *
 * Return: 0, or -errno: with a file, the old mapping is in place; without,
 * there may be none.
 */
int tracker_map_over(struct file *file, unsigned long start, unsigned long end,
		     unsigned long prot, unsigned long flags, loff_t offset)
{
	unsigned long addr;
	int tries;

	for (tries = 0; file || tries < TRACKER_MAP_TRIES; tries++) {
		addr = vm_mmap(file, start, end - start, prot,
			       flags | MAP_FIXED, offset);
		if (addr == start)
			return 0;
		if (tracker_is_mapped(current->mm, start))
			return IS_ERR_VALUE(addr) ? (int)addr : -EINVAL;
		if (!file)
			flags |= MAP_NORESERVE;
		msleep(1);
	}
	return -ENOMEM;
}

static int tracker_swap_map(struct tracker_swapper *swapper,
			    unsigned long start, unsigned long end)
{
	return tracker_map_over(swapper->session->file, start, end,
				swapper->prot, MAP_SHARED | swapper->map_flags,
				(loff_t)tracker_swapper_pgoff(swapper, start)
					<< PAGE_SHIFT);
}

static void tracker_swap_undo_copy(struct tracker_swapper *swapper,
				   unsigned long start, unsigned long end)
{
	loff_t from = (loff_t)tracker_swapper_pgoff(swapper, start)
		      << PAGE_SHIFT;

	shmem_truncate_range(swapper->session->inode, from,
			     from + (end - start) - 1);
}

static int tracker_swap_piece(struct tracker_swapper *swapper,
			      unsigned long start, unsigned long end)
{
	int err = tracker_swap_copy(swapper, start, end);

	if (!err)
		err = tracker_swap_map(swapper, start, end);
	if (err)
		tracker_swap_undo_copy(swapper, start, end);
	return err;
}

static int tracker_swap_check(struct tracker_swapper *swapper)
{
	struct tracker_session *session = swapper->session;
	struct vm_area_struct *vma;
	int err = -EINVAL;

	mmap_read_lock(swapper->mm);
	vma = find_vma(swapper->mm, swapper->start);
	if (!vma || vma->vm_start > swapper->start ||
	    vma->vm_end < swapper->end ||
	    tracker_vma_state(session, vma) != TRACKER_VMA_SWAPPABLE)
		goto out;
	swapper->prot = tracker_vma_prot(vma);
	swapper->map_flags = tracker_vma_map_flags(vma);
	swapper->region =
		tracker_region_create(session,
				      (swapper->end - swapper->start) >>
					      PAGE_SHIFT,
				      TRACKER_KIND_ANON_PRIVATE,
				      vma->vm_flags & VM_NORESERVE);
	err = PTR_ERR_OR_ZERO(swapper->region);
out:
	mmap_read_unlock(swapper->mm);
	return err;
}

/* Runs in the target's mm. */
static int tracker_swap_range(void *data)
{
	struct tracker_swapper *swapper = data;
	unsigned long start, end;
	int err = tracker_swap_check(swapper);

	if (err)
		return err;
	for (start = swapper->start; start < swapper->end; start = end) {
		end = min(swapper->end, start + TRACKER_PIECE_BYTES);
		err = tracker_swap_piece(swapper, start, end);
		if (err)
			break;
	}
	/* Log entries of a piece that failed must find their region. */
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
	int err;

	err = tracker_check_stopped(swapper->mm, &args->busy_tid);
	while (!err && args->nr_done < args->nr_ranges) {
		if (copy_from_user(&range, &ranges[args->nr_done], sizeof(range)))
			return -EFAULT;
		if (!PAGE_ALIGNED(range.start | range.end) ||
		    range.start >= range.end || range.end > TASK_SIZE_MAX)
			return -EINVAL;
		if (fatal_signal_pending(current))
			return -EINTR;
		swapper->start = range.start;
		swapper->end = range.end;
		err = tracker_run_in_mm(swapper->mm, tracker_swap_range, swapper);
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
	if (args.flags || memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
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
