// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making memory read as zeros again, where the kernel would for an anonymous
 * mapping and does not for a shared file: after madvise(MADV_DONTNEED) and in
 * what mremap() has added.
 */
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>

#include "source.h"
#include "tree.h"

/* Children may still need the page. Return: 0 or -errno. */
static int tracker_discard_save(struct tracker_session *session, pgoff_t pgoff)
{
	struct address_space *mapping = session->inode->i_mapping;
	struct page *page;
	int ret;

	page = shmem_read_mapping_page_gfp(mapping, pgoff, TRACKER_GFP);
	if (IS_ERR(page))
		return PTR_ERR(page);
	lock_page(page);
	ret = tracker_family_save(session->family, page_folio(page), pgoff,
				  GFP_KERNEL);
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

static void tracker_drop_run(struct tracker_session *session, pgoff_t start,
			     pgoff_t end)
{
	shmem_truncate_range(session->inode, (loff_t)start << PAGE_SHIFT,
			     ((loff_t)end << PAGE_SHIFT) - 1);
	for (; start < end; start++)
		if (tracker_log_add(&session->log, start))
			tracker_log_overflow(&session->log);
}

/**
 * tracker_drop - drop pages of the pseudo-file that no child can ask for
 * @session: the session; the target's mmap_lock is held
 * @start: first page
 * @end: page after the last one
 *
 * As tracker_discard(). What the target has unmapped is logged as well: mremap()
 * can map the place again, where the images have the old content.
 */
void tracker_drop(struct tracker_session *session, pgoff_t start, pgoff_t end)
{
	bool is_related = READ_ONCE(session->is_related);
	pgoff_t run_end;

	if (is_related) {
		mutex_lock(&session->tree->lock);
		__tracker_donors_drop(session, start, end);
	}
	while (tracker_discard_find(session, &start, end, &run_end)) {
		tracker_drop_run(session, start, run_end);
		start = run_end;
		cond_resched();
	}
	if (is_related)
		mutex_unlock(&session->tree->lock);
}

static int tracker_discard_own(struct tracker_session *session, pgoff_t start,
			       pgoff_t end)
{
	pgoff_t run_end;
	int err = 0;

	while (!err && tracker_discard_find(session, &start, end, &run_end)) {
		err = tracker_discard_save_run(session, start, run_end);
		if (!err)
			tracker_drop_run(session, start, run_end);
		start = run_end;
		cond_resched();
	}
	return err;
}

static int tracker_discard_related(struct tracker_session *session,
				   pgoff_t start, pgoff_t end)
{
	int err;

	mutex_lock(&session->tree->lock);
	err = __tracker_donors_keep(session, start, end);
	if (!err) {
		__tracker_donors_drop(session, start, end);
		err = tracker_discard_own(session, start, end);
	}
	mutex_unlock(&session->tree->lock);
	return err;
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
	struct tracker_source *source =
		tracker_source_lookup(session->family, start);
	int err;

	if (source)
		tracker_source_lock(source);
	if (READ_ONCE(session->is_related))
		err = tracker_discard_related(session, start, end);
	else
		err = tracker_discard_own(session, start, end);
	if (source)
		tracker_source_unlock(source);
	return err;
}

/*
 * Caller holds mmap_lock. Stops where madvise() has stopped: at a mapping with a
 * forbidden flag. Return: 0 or -errno; *end is where it stopped, *has_child
 * whether a child's mapping is before that.
 */
static int tracker_discard_target(struct mm_struct *mm, unsigned long start,
				  unsigned long *end, vm_flags_t forbidden,
				  bool *has_child)
{
	struct vm_area_struct *vma;
	int err = 0;
	VMA_ITERATOR(vmi, mm, start);

	for_each_vma_range(vmi, vma, *end) {
		unsigned long from = max(vma->vm_start, start);
		unsigned long to = min(vma->vm_end, *end);
		pgoff_t pgoff = vma->vm_pgoff +
				((from - vma->vm_start) >> PAGE_SHIFT);

		if (vma->vm_flags & forbidden) {
			*end = from;
			break;
		}
		*has_child |= tracker_vma_is_child(vma);
		if (!err && tracker_vma_is_target(vma))
			err = tracker_discard(tracker_vma_session(vma), pgoff,
					      pgoff + ((to - from) >> PAGE_SHIFT));
	}
	return err;
}

/**
 * tracker_discard_range - make a range of the caller's memory read as zeros
 * @mm: current->mm
 * @start: first byte, page-aligned
 * @end: byte after the last one
 * @forbidden: stop at the first mapping with one of these flags
 *
 * Mappings that are not ours are left alone.
 *
 * Return: 0 or -errno.
 */
int tracker_discard_range(struct mm_struct *mm, unsigned long start,
			  unsigned long end, vm_flags_t forbidden)
{
	bool has_child = false;
	int err;

	mmap_read_lock(mm);
	err = tracker_discard_target(mm, start, &end, forbidden, &has_child);
	mmap_read_unlock(mm);
	if (!err && has_child)
		err = tracker_make_child_private(mm, start, end);
	return err;
}

/**
 * tracker_pages_are_free - may a mapping grow over pages of the pseudo-file?
 * @mm: the target's; the caller holds its mmap_lock
 * @except: the mapping that is to grow, or has
 * @session: the session
 * @start: first page
 * @end: page after the last one
 *
 * Return: true if they are in one region, mapped nowhere else, and not going to be
 * taken for the parent's.
 */
bool tracker_pages_are_free(struct mm_struct *mm, struct vm_area_struct *except,
			    struct tracker_session *session, pgoff_t start,
			    pgoff_t end)
{
	if (((start - 1) ^ (end - 1)) & ~(TRACKER_REGION_PAGES - 1) ||
	    tracker_origin_is_assumed(session, start))
		return false;
	return !tracker_file_is_mapped(session->file, mm, except, start, end) &&
	       /* What a forked child still maps of its parent will be at its place. */
	       !(session->origin &&
		 tracker_file_is_mapped(session->origin, mm, except, start, end));
}

/**
 * tracker_discard_grown - what mremap() has added reads as zeros
 * @mm: current->mm
 * @addr: where the mapping is now
 * @old_len: its former length, page-aligned
 * @new_len: its length
 *
 * A mapping may be part of a region (a VMA was split, or two malloc()s were one
 * VMA), so the pages behind it can be another mapping's. Then the added part
 * becomes a mapping of its own.
 *
 * Return: 0 or -errno.
 */
int tracker_discard_grown(struct mm_struct *mm, unsigned long addr,
			  unsigned long old_len, unsigned long new_len)
{
	struct vm_area_struct *vma;
	bool done = false;
	pgoff_t pgoff;
	int err = 0;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr && tracker_vma_is_target(vma) &&
	    vma->vm_end >= addr + new_len) {
		pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
		done = tracker_pages_are_free(mm, vma, tracker_vma_session(vma),
					      pgoff + (old_len >> PAGE_SHIFT),
					      pgoff + (new_len >> PAGE_SHIFT));
		if (done)
			err = tracker_discard(tracker_vma_session(vma),
					      pgoff + (old_len >> PAGE_SHIFT),
					      pgoff + (new_len >> PAGE_SHIFT));
	}
	mmap_read_unlock(mm);
	if (done && !err)
		return 0;
	return tracker_make_private(mm, addr + old_len, addr + new_len);
}

/* A target's mapping that was anonymous memory. Caller holds mmap_lock. */
bool tracker_vma_is_anon_private(const struct vm_area_struct *vma)
{
	return tracker_vma_is_target(vma) &&
	       !tracker_source_lookup(tracker_vma_session(vma)->family,
				      vma->vm_pgoff);
}

/* A mapping of ours on which MADV_FREE would succeed if it were not. */
static bool tracker_vma_was_anon(const struct vm_area_struct *vma)
{
	return tracker_vma_is_anon_private(vma) ||
	       (tracker_vma_is_child(vma) &&
		!tracker_source_lookup(tracker_vma_family(vma), vma->vm_pgoff));
}

/* True if the range has no gap and no mapping but ours and anonymous ones. */
bool tracker_range_was_anon(struct mm_struct *mm, unsigned long start,
			    unsigned long end)
{
	struct vm_area_struct *vma;
	unsigned long next = start;
	bool has_ours = false;
	VMA_ITERATOR(vmi, mm, start);

	mmap_read_lock(mm);
	for_each_vma_range(vmi, vma, end) {
		bool ours = tracker_vma_was_anon(vma);

		if (vma->vm_start > next || vma->vm_flags & VM_LOCKED ||
		    (!ours && !vma_is_anonymous(vma)))
			break;
		has_ours |= ours;
		next = vma->vm_end;
	}
	mmap_read_unlock(mm);
	return has_ours && next >= end;
}
