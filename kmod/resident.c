// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of an untracked mapping exist. Our own walk: walk_page_range() is
 * not exported, apply_to_existing_page_range() refuses huge pages, and pagemap
 * costs 8 bytes per page of a hole.
 */
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/uaccess.h>

#include "tracker.h"

struct tracker_scan {
	struct mm_struct *mm;
	struct tracker_resident_run *runs;
	u32 max_runs;
	u32 nr_runs;
	bool is_anon;			/* the mapping has no file */
};

/* Return: false if there is no room for the page. */
static bool tracker_scan_add(struct tracker_scan *scan, unsigned long addr,
			     u32 nr_pages, u32 flags)
{
	struct tracker_resident_run *last = scan->runs + scan->nr_runs - 1;

	if (scan->nr_runs && last->flags == flags &&
	    last->start + ((u64)last->nr_pages << PAGE_SHIFT) == addr &&
	    last->nr_pages <= U32_MAX - nr_pages) {
		last->nr_pages += nr_pages;
		return true;
	}
	if (scan->nr_runs == scan->max_runs)
		return false;
	last[1] = (struct tracker_resident_run){ addr, nr_pages, flags };
	scan->nr_runs++;
	return true;
}

static u32 tracker_pfn_flags(unsigned long pfn)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return 0;
	page = pfn_to_page(pfn);
	return PageAnon(compound_head(page)) ? TRACKER_RESIDENT_ANON : 0;
}

/* Return: false if the entry shows no page of the target's. */
static bool tracker_pte_flags(pte_t pte, u32 *flags)
{
	if (pte_none(pte))
		return false;
	if (!pte_present(pte)) {
		*flags = TRACKER_RESIDENT_ANON;
		return !is_pte_marker(pte);
	}
	if (is_zero_pfn(pte_pfn(pte)))
		return false;
	*flags = tracker_pfn_flags(pte_pfn(pte));
	return true;
}

/*
 * Reclaim, migration and KSM empty an entry before they write another, which the
 * table's lock hides. With it, a page that is mapped stays what it is.
 *
 * Return: first address not scanned; less than @end if the runs are full. *is_same
 * is whether the table was still in its place.
 */
static unsigned long tracker_scan_table(struct tracker_scan *scan, pmd_t *pmdp,
					pmd_t pmd, unsigned long addr,
					unsigned long end, bool *is_same)
{
	spinlock_t *ptl = pte_lockptr(scan->mm, &pmd);
	pte_t *pte = pte_offset_kernel(&pmd, addr);
	u32 flags;

	spin_lock(ptl);
	*is_same = pmd_same(pmd, READ_ONCE(*pmdp));
	for (; *is_same && addr < end; addr += PAGE_SIZE, pte++) {
		if (!tracker_pte_flags(READ_ONCE(*pte), &flags))
			continue;
		if (!tracker_scan_add(scan, addr, 1, flags))
			break;
	}
	spin_unlock(ptl);
	return addr;
}

/* As tracker_scan_table(), of what is no table; *pmd is a table where it is one. */
static unsigned long tracker_scan_leaf(struct tracker_scan *scan, pmd_t *pmdp,
				       unsigned long addr, unsigned long end,
				       pmd_t *pmd)
{
	spinlock_t *ptl = pmd_lock(scan->mm, pmdp);
	u32 flags = TRACKER_RESIDENT_ANON;

	*pmd = READ_ONCE(*pmdp);
	if (!pmd_none(*pmd) &&
	    (!pmd_present(*pmd) || tracker_pmd_is_leaf(*pmd))) {
		if (pmd_present(*pmd))
			flags = tracker_pfn_flags(pmd_pfn(*pmd));
		/* The huge zero page is neither anonymous nor a file's. */
		if ((!scan->is_anon || flags) &&
		    !tracker_scan_add(scan, addr, (end - addr) >> PAGE_SHIFT,
				      flags))
			end = addr;
		*pmd = __pmd(0);
	} else if (!pmd_none(*pmd) && pmd_bad(*pmd)) {
		*pmd = __pmd(0);
	}
	spin_unlock(ptl);
	return end;
}

static unsigned long tracker_scan_pmd(struct tracker_scan *scan, pmd_t *pmdp,
				      unsigned long addr, unsigned long end)
{
	unsigned long done;
	bool is_same;
	pmd_t pmd;

	do {
		done = tracker_scan_leaf(scan, pmdp, addr, end, &pmd);
		if (pmd_none(pmd))
			return done;
		done = tracker_scan_table(scan, pmdp, pmd, addr, end, &is_same);
	} while (!is_same);
	return done;
}

/* A page of 1 GiB, of hugetlb. Return: false if there is no room for it. */
static bool tracker_scan_pud(struct tracker_scan *scan, pud_t pud,
			     unsigned long addr, unsigned long end)
{
	if (!tracker_pud_is_leaf(pud))
		return true;
	return tracker_scan_add(scan, addr, (end - addr) >> PAGE_SHIFT,
				tracker_pfn_flags(pud_pfn(pud)));
}

/* Return: the entry, or NULL where *pud (if it is one) or nothing is mapped. */
static pmd_t *tracker_pmd(struct mm_struct *mm, unsigned long addr,
			  unsigned long *size, pud_t *leaf)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	*leaf = __pud(0);
	*size = PGDIR_SIZE;
	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	*size = P4D_SIZE;
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	*size = PUD_SIZE;
	*leaf = READ_ONCE(*pud);
	if (!pud_present(*leaf) || tracker_pud_is_leaf(*leaf))
		return NULL;
	*size = PMD_SIZE;
	return pmd_offset(pud, addr);
}

/**
 * tracker_resident_scan - list the pages that exist in part of a mapping
 * @vma: the mapping; the caller holds its mmap_lock
 * @start: page-aligned, inside @vma
 * @end: page-aligned, inside @vma
 * @runs: where to write them
 * @max_runs: room in @runs
 * @next: out: @end, or where to go on when @runs is full
 *
 * Page tables below a VMA stay while mmap_lock is held, except for those that
 * khugepaged takes from file mappings, which RCU keeps. Swap entries and those of
 * a migration count as well.
 *
 * Return: runs written.
 */
int tracker_resident_scan(struct vm_area_struct *vma, unsigned long start,
			  unsigned long end, struct tracker_resident_run *runs,
			  u32 max_runs, unsigned long *next)
{
	struct tracker_scan scan = {
		.mm = vma->vm_mm,
		.runs = runs,
		.max_runs = max_runs,
		.is_anon = !vma->vm_file,
	};
	unsigned long addr = start;
	unsigned long size, stop, done;
	pud_t leaf;
	pmd_t *pmd;

	while (addr < end) {
		pmd = tracker_pmd(vma->vm_mm, addr, &size, &leaf);
		/* The last table of the address space ends at 0. */
		stop = min(end - 1, (addr & ~(size - 1)) + size - 1) + 1;
		if (pmd) {
			rcu_read_lock();
			done = tracker_scan_pmd(&scan, pmd, addr, stop);
			rcu_read_unlock();
			if (done < stop) {
				addr = done;
				break;
			}
		} else if (!tracker_scan_pud(&scan, leaf, addr, stop)) {
			break;
		}
		addr = stop;
		cond_resched();
	}
	*next = addr;
	return scan.nr_runs;
}

static void tracker_resident_whole(struct tracker_resident_run *run,
				   unsigned long start, unsigned long *end)
{
	u64 nr_pages = min_t(u64, (*end - start) >> PAGE_SHIFT, U32_MAX);

	*end = start + (nr_pages << PAGE_SHIFT);
	*run = (struct tracker_resident_run){ start, nr_pages,
					      TRACKER_RESIDENT_ANON };
}

/* Scans from @args->start as far as the room goes. Caller holds mmap_lock. */
static void tracker_resident_vmas(struct mm_struct *mm,
				  struct tracker_resident *args,
				  struct tracker_resident_run *runs, u32 max_runs)
{
	unsigned long next = args->start;
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, args->start);

	args->nr_runs = 0;
	for_each_vma_range(vmi, vma, args->end) {
		unsigned long start = max_t(u64, vma->vm_start, args->start);
		unsigned long end = min_t(u64, vma->vm_end, args->end);

		if (args->nr_runs == max_runs)
			goto out;
		if (vma->vm_flags & (VM_IO | VM_PFNMAP)) {
			next = end;
			continue;
		}
		/* What a forked child has of its parent is in no page table. */
		if (tracker_vma_is_child(vma)) {
			tracker_resident_whole(&runs[args->nr_runs++], start,
					       &end);
			next = end;
			if (end < min_t(u64, vma->vm_end, args->end))
				goto out;
			continue;
		}
		args->nr_runs += tracker_resident_scan(vma, start, end,
						       runs + args->nr_runs,
						       max_runs - args->nr_runs,
						       &next);
		if (next < end)
			goto out;
	}
	next = args->end;
out:
	args->start = next;
}

/* TRACKER_IOC_RESIDENT. Caller holds session->lock. */
long tracker_ioctl_resident(struct tracker_session *session,
			    struct tracker_resident __user *argp)
{
	struct tracker_resident_run *runs;
	struct tracker_resident args;
	long err = -EINVAL;
	u32 max_runs;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.__reserved, 0, sizeof(args.__reserved)) ||
	    !PAGE_ALIGNED(args.start | args.end) || args.start > args.end ||
	    args.end > TASK_SIZE_MAX || !args.nr_runs)
		return -EINVAL;
	max_runs = min_t(u32, args.nr_runs, 1U << 16);
	runs = kvmalloc_array(max_runs, sizeof(*runs), GFP_KERNEL);
	if (!runs)
		return -ENOMEM;
	err = -ESRCH;
	if (!mmget_not_zero(session->mm))
		goto out;
	err = mmap_read_lock_killable(session->mm);
	if (!err) {
		tracker_resident_vmas(session->mm, &args, runs, max_runs);
		mmap_read_unlock(session->mm);
	}
	mmput(session->mm);
	if (!err && (copy_to_user(u64_to_user_ptr(args.runs_addr), runs,
				  args.nr_runs * sizeof(*runs)) ||
		     copy_to_user(argp, &args, sizeof(args))))
		err = -EFAULT;
out:
	kvfree(runs);
	return err;
}
