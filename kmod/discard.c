// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making memory read as zeros again, where the kernel would for an anonymous
 * mapping and does not for a shared file: after madvise(MADV_DONTNEED) and in
 * what mremap() has added.
 */
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>

#include "tracker.h"

/* Children may still need the page. Return: 0 or -errno. */
static int tracker_discard_save(struct tracker_session *session, pgoff_t pgoff)
{
	struct address_space *mapping = session->inode->i_mapping;
	struct page *page;
	int ret;

	page = shmem_read_mapping_page_gfp(mapping, pgoff,
					   mapping_gfp_mask(mapping));
	if (IS_ERR(page))
		return PTR_ERR(page);
	lock_page(page);
	ret = tracker_family_save(session->family, page_folio(page), pgoff);
	unlock_page(page);
	put_page(page);
	return min(ret, 0);
}

static int tracker_discard_save_run(struct tracker_session *session,
				    pgoff_t start, pgoff_t end)
{
	int err = 0;

	if (!tracker_family_has_snapshots(session->family))
		return 0;
	for (; start < end && !err; start++)
		err = tracker_discard_save(session, start);
	return err;
}

/* Pages that exist, from *start on: a run inside [*start, end). */
static bool tracker_discard_find(struct tracker_session *session,
				 pgoff_t *start, pgoff_t end, pgoff_t *run_end)
{
	struct xarray *pages = &session->inode->i_mapping->i_pages;
	unsigned long index = *start;

	if (index >= end || !xa_find(pages, &index, end - 1, XA_PRESENT))
		return false;
	*start = index;
	do {
		index++;
	} while (index < end && xa_load(pages, index));
	*run_end = index;
	return true;
}

/**
 * tracker_discard - drop pages of the pseudo-file
 * @session: the session; the target's mmap_lock is held
 * @start: first page
 * @end: page after the last one
 *
 * Only runs of pages that exist are dropped, and each is logged after it has
 * been: a harvest in between would store the old content and forget the page.
 *
 * Return: 0, or -ENOMEM: then children would lose a page, and it is kept.
 */
int tracker_discard(struct tracker_session *session, pgoff_t start, pgoff_t end)
{
	pgoff_t run_end;
	int err;

	while (tracker_discard_find(session, &start, end, &run_end)) {
		err = tracker_discard_save_run(session, start, run_end);
		if (err)
			return err;
		shmem_truncate_range(session->inode, (loff_t)start << PAGE_SHIFT,
				     ((loff_t)run_end << PAGE_SHIFT) - 1);
		for (; start < run_end; start++)
			if (tracker_log_add(&session->log, start))
				tracker_log_overflow(&session->log);
		cond_resched();
	}
	return 0;
}

/* A part of a forked child's mapping. */
struct tracker_child_piece {
	unsigned long start;
	unsigned long end;
	unsigned long prot;
};

static bool tracker_child_find(struct mm_struct *mm, unsigned long start,
			       unsigned long end,
			       struct tracker_child_piece *piece)
{
	struct vm_area_struct *vma;
	bool found = false;
	VMA_ITERATOR(vmi, mm, start);

	mmap_read_lock(mm);
	for_each_vma_range(vmi, vma, end) {
		if (!tracker_vma_is_child(vma))
			continue;
		piece->start = max(vma->vm_start, start);
		piece->end = min(vma->vm_end, end);
		piece->prot = tracker_vma_prot(vma);
		found = true;
		break;
	}
	mmap_read_unlock(mm);
	return found;
}

/*
 * In a child the page behind a dropped private copy is its parent's. Plain
 * anonymous memory is what it should have, so it gets that.
 */
static void tracker_discard_child(struct mm_struct *mm, unsigned long start,
				  unsigned long end)
{
	struct tracker_child_piece piece;

	while (tracker_child_find(mm, start, end, &piece)) {
		if (vm_mmap(NULL, piece.start, piece.end - piece.start,
			    piece.prot, MAP_PRIVATE | MAP_FIXED, 0) !=
		    piece.start)
			pr_warn_ratelimited("tracker: pid %d keeps discarded memory at %lx-%lx\n",
					    task_tgid_nr(current), piece.start,
					    piece.end);
		start = piece.end;
	}
}

/* Caller holds mmap_lock. Return: whether a child's mapping was seen. */
static bool tracker_discard_target(struct mm_struct *mm, unsigned long start,
				   unsigned long end)
{
	struct vm_area_struct *vma;
	bool has_child = false;
	VMA_ITERATOR(vmi, mm, start);

	for_each_vma_range(vmi, vma, end) {
		unsigned long from = max(vma->vm_start, start);
		unsigned long to = min(vma->vm_end, end);
		pgoff_t pgoff = vma->vm_pgoff +
				((from - vma->vm_start) >> PAGE_SHIFT);

		has_child |= tracker_vma_is_child(vma);
		if (!tracker_vma_is_target(vma))
			continue;
		if (tracker_discard(tracker_vma_session(vma), pgoff,
				    pgoff + ((to - from) >> PAGE_SHIFT)))
			pr_warn_ratelimited("tracker: no memory to discard %lx-%lx of pid %d\n",
					    from, to, task_tgid_nr(current));
	}
	return has_child;
}

/**
 * tracker_discard_range - make a range of the caller's memory read as zeros
 * @mm: current->mm
 * @start: first byte, page-aligned
 * @end: byte after the last one
 *
 * Mappings that are not ours are left alone.
 */
void tracker_discard_range(struct mm_struct *mm, unsigned long start,
			   unsigned long end)
{
	bool has_child;

	mmap_read_lock(mm);
	has_child = tracker_discard_target(mm, start, end);
	mmap_read_unlock(mm);
	if (has_child)
		tracker_discard_child(mm, start, end);
}

/* True if the range has no gap and no mapping but ours and anonymous ones. */
bool tracker_range_is_ours(struct mm_struct *mm, unsigned long start,
			   unsigned long end)
{
	struct vm_area_struct *vma;
	unsigned long next = start;
	bool has_ours = false;
	VMA_ITERATOR(vmi, mm, start);

	mmap_read_lock(mm);
	for_each_vma_range(vmi, vma, end) {
		bool ours = tracker_vma_is_target(vma) ||
			    tracker_vma_is_child(vma);

		if (vma->vm_start > next || vma->vm_flags & VM_LOCKED ||
		    (!ours && !vma_is_anonymous(vma)))
			break;
		has_ours |= ours;
		next = vma->vm_end;
	}
	mmap_read_unlock(mm);
	return has_ours && next >= end;
}
