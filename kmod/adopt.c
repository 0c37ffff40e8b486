// SPDX-License-Identifier: GPL-2.0-only
/* What system calls on mappings of shared files need of us (share_hook.c). */
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "share.h"

/*
 * It is the mapping's file that counts: overlay file systems and FUSE map another
 * one than the caller knows.
 */
static bool tracker_adoption_find(struct mm_struct *mm, unsigned long start,
				  unsigned long end, bool is_new,
				  struct tracker_adoption *found)
{
	struct vm_area_struct *vma;
	bool is_found = false;
	VMA_ITERATOR(vmi, mm, start);

	mmap_read_lock(mm);
	for_each_vma_range(vmi, vma, end) {
		if (!(vma->vm_flags & VM_SHARED) || !vma->vm_file ||
		    !vma->vm_ops || (is_new && tracker_vma_is_wrapped(vma)) ||
		    !tracker_share_find(vma->vm_file->f_mapping))
			continue;
		found->mapping = vma->vm_file->f_mapping;
		found->start = max(start, vma->vm_start);
		found->end = min(end, vma->vm_end);
			is_found = true;
		break;
	}
	mmap_read_unlock(mm);
	return is_found;
}

/**
 * tracker_share_adopt - a process has mapped files, which may be tracked
 * @mm: current->mm
 * @start: where
 * @end: its end
 *
 * Another thread may have had the mapping wrapped already. What has been written
 * before is logged all the same.
 */
void tracker_share_adopt(struct mm_struct *mm, unsigned long start,
			 unsigned long end)
{
	struct tracker_adoption found = { .end = start };

	while (found.end < end &&
	       tracker_adoption_find(mm, found.end, end, false, &found))
		tracker_share_adopt_file(&found);
}

/**
 * tracker_share_adopt_new - the same, where the address is not known
 * @mm: current->mm
 *
 * Adopts every mapping that is not wrapped and should be.
 */
void tracker_share_adopt_new(struct mm_struct *mm)
{
	struct tracker_adoption found = {};

	while (found.end < TASK_SIZE_MAX &&
	       tracker_adoption_find(mm, found.end, TASK_SIZE_MAX, true, &found))
		tracker_share_adopt_file(&found);
}

/* Runs of pages that are looked at under one lock. */
#define TRACKER_ABSORB_RUNS	32

/* Caller holds mmap_lock. Return: where to go on. */
static unsigned long tracker_share_absorb_runs(struct tracker_share *share,
					       struct mm_struct *mm,
					       unsigned long addr,
					       unsigned long end)
{
	struct tracker_resident_run runs[TRACKER_ABSORB_RUNS];
	struct vm_area_struct *vma;
	unsigned long stop, next;
	VMA_ITERATOR(vmi, mm, addr);
	int i, nr_runs;

	for_each_vma_range(vmi, vma, end) {
		if (!tracker_share_has(share, vma))
			continue;
		stop = min(end, vma->vm_end);
		nr_runs = tracker_resident_scan(vma, max(addr, vma->vm_start),
						stop, runs, ARRAY_SIZE(runs),
						&next);
		for (i = 0; i < nr_runs; i++)
			tracker_share_log_pages(share,
						linear_page_index(vma, runs[i].start),
						runs[i].nr_pages);
		if (next < stop)
			return next;
	}
	return end;
}

/*
 * Pages that the caller may have written before its mapping was wrapped: all those
 * that it has in its page table, also clean ones, which may have been written back
 * since. They may be writable still, which any page in the log may be. So this costs
 * what has been touched; mostly that is nothing. Return: 0, or -EINTR if the caller
 * has been killed.
 */
int tracker_share_absorb(struct tracker_share *share,
			 const struct tracker_adoption *own)
{
	unsigned long addr = own->start;
	int err = 0;

	while (!err && addr < own->end) {
		err = mmap_read_lock_killable(current->mm);
		if (err)
			break;
		addr = tracker_share_absorb_runs(share, current->mm, addr,
						 own->end);
		mmap_read_unlock(current->mm);
		cond_resched();
		if (fatal_signal_pending(current))
			err = -EINTR;
	}
	return err;
}

/* Part of an attached SysV segment, found as shmdt() does. */
static bool tracker_shmdt_find(struct mm_struct *mm, unsigned long addr,
			       unsigned long from, struct file **file,
			       struct tracker_range *range)
{
	struct vm_area_struct *vma;
	bool found = false;
	VMA_ITERATOR(vmi, mm, from);

	mmap_read_lock(mm);
	for_each_vma(vmi, vma) {
		/* On a tmpfs, only those of SysV have a ->close. */
		if (!tracker_vma_is_wrapped(vma) || !vma->vm_ops->close ||
		    file_inode(vma->vm_file)->i_sb->s_magic != TMPFS_MAGIC ||
		    (*file && vma->vm_file != *file) ||
		    (vma->vm_start - addr) >> PAGE_SHIFT != vma->vm_pgoff)
			continue;
		if (!*file)
			*file = get_file(vma->vm_file);
		range->start = vma->vm_start;
		range->end = vma->vm_end;
		found = true;
		break;
	}
	mmap_read_unlock(mm);
	return found;
}

/**
 * tracker_share_shmdt - detach a SysV segment whose mappings are wrapped
 * @mm: current->mm
 * @addr: where it was attached
 *
 * Return: whether there was one.
 */
bool tracker_share_shmdt(struct mm_struct *mm, unsigned long addr)
{
	struct file *file = NULL;
	struct tracker_range range = { .end = addr };
	bool found = false;

	while (tracker_shmdt_find(mm, addr, range.end, &file, &range) &&
	       !vm_munmap(range.start, range.end - range.start))
		found = true;
	if (file)
		fput(file);
	return found;
}
