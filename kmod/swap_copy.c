// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of its own that a private mapping has are copied into the
 * pseudo-file, and those that others have, too, become donors.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>

#include "swap.h"
#include "tree.h"

/* What is not copied is a file's, or the parent's. */
static bool tracker_swap_has_backing(struct tracker_swapper *swapper)
{
	return swapper->kind == TRACKER_KIND_FILE_PRIVATE || swapper->is_heir;
}

bool tracker_page_is_zero(struct page *page)
{
	void *content = kmap_local_page(page);
	bool is_zero = !memchr_inv(content, 0, PAGE_SIZE);

	kunmap_local(content);
	return is_zero;
}

/* Of anonymous memory, pages of zeros stay holes. */
static bool tracker_swap_needs(struct tracker_swapper *swapper,
			       struct page *page)
{
	if (tracker_swap_has_backing(swapper))
		return PageAnon(compound_head(page));
	return !tracker_page_is_zero(page);
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

/**
 * tracker_swap_copy - copy the pages of a piece into the pseudo-file
 * @swapper: the swap
 * @start: first address
 * @end: out: where the piece ends, up to the end of the range
 *
 * Return: 0 or -errno.
 */
int tracker_swap_copy(struct tracker_swapper *swapper, unsigned long start,
		      unsigned long *end)
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
