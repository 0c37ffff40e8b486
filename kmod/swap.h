/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_SWAP_H
#define TRACKER_SWAP_H

#include "tracker.h"

#define TRACKER_SCAN_RUNS	128
#define TRACKER_BATCH_PAGES	64UL

/* Is a page of a forked child's part of its parent's memory at two addresses? */
enum tracker_twins {
	TRACKER_TWINS_UNKNOWN,
	TRACKER_TWINS_NONE,
	TRACKER_TWINS_SOME,		/* ... or that could not be found out */
};

/* A swap that is under way. */
struct tracker_swapper {
	struct tracker_session *session;
	struct mm_struct *mm;
	u16 kind;
	bool noreserve;
	bool grows_down;
	bool is_heir;			/* a forked child's part of its parent's memory */
	enum tracker_twins twins;	/* the target stands: once for the call */
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

static inline pgoff_t tracker_swapper_pgoff(struct tracker_swapper *swapper,
					    unsigned long addr)
{
	return swapper->pgoff + ((addr - swapper->start) >> PAGE_SHIFT);
}

bool tracker_page_is_zero(struct page *page);
int tracker_swap_copy(struct tracker_swapper *swapper, unsigned long start,
		      unsigned long *end);
void tracker_swap_renew_tail(struct tracker_swapper *swapper);

#endif /* TRACKER_SWAP_H */
