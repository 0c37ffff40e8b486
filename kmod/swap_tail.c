// SPDX-License-Identifier: GPL-2.0-only
/* The growing end of a stack. */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/sched/coredump.h>

#include "swap.h"

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
void tracker_swap_renew_tail(struct tracker_swapper *swapper)
{
	struct tracker_map map = {
		.start = swapper->start - PAGE_SIZE,
		.end = swapper->start,
		.prot = swapper->prot,
		.flags = MAP_PRIVATE | MAP_GROWSDOWN,
		.extra = swapper->extra,
	};
	struct page *copy = alloc_page(GFP_HIGHUSER);
	bool is_pinned, is_zero;
	struct page *page;

	if (!copy)
		return;
	if (tracker_tail_page(swapper->mm, map.start, 0, &page))
		goto out;
	copy_highpage(copy, page);
	is_pinned = folio_maybe_dma_pinned(page_folio(page));
	put_page(page);
	if (is_pinned)
		goto out;
	is_zero = tracker_page_is_zero(copy);
	while (tracker_map_over(&map) ||
	       tracker_tail_page(swapper->mm, map.start, FOLL_WRITE, &page)) {
		if (test_bit(MMF_OOM_SKIP, &swapper->mm->flags))
			goto out;
		msleep(1);
	}
	if (!is_zero) {
		copy_highpage(page, copy);
		set_page_dirty_lock(page);
	}
	put_page(page);
	/*
	 * Most stacks have never grown that far, and a hole costs nothing in a round.
	 * It was written all the same: cores leave out a mapping that never was.
	 */
	if (is_zero)
		tracker_madvise(swapper->mm, map.start, PAGE_SIZE,
				MADV_DONTNEED);
out:
	put_page(copy);
}
