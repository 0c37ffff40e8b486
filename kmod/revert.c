// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revert: anonymous memory takes the pseudo-file's place again. As in the swap,
 * the target is stopped and the work goes piece by piece.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/uaccess.h>

#include "tracker.h"

#define TRACKER_PIN_TRIES	1000	/* about a second */


struct tracker_reverter {
	struct tracker_session *session;
	struct mm_struct *mm;
	u64 nr_vmas;
	u64 nr_pages;
};

/* A piece of one tracked VMA. */
struct tracker_revert_piece {
	unsigned long start;
	unsigned long end;
	unsigned long prot;		/* PROT_* */
	unsigned long map_flags;	/* MAP_* */
	pgoff_t pgoff;
};

/*
 * FOLL_FORCE: the mapping may have become read-only or PROT_NONE since it was
 * swapped. Breaking copy-on-write there is what ptrace does, too.
 */
static int tracker_revert_page(struct tracker_reverter *reverter,
			       unsigned long addr, pgoff_t pgoff)
{
	struct address_space *mapping = reverter->session->inode->i_mapping;
	struct page *from, *to;
	long got;

	from = shmem_read_mapping_page_gfp(mapping, pgoff, TRACKER_GFP);
	if (IS_ERR(from))
		return PTR_ERR(from);
	mmap_read_lock(reverter->mm);
	got = tracker_get_user_pages(reverter->mm, addr, 1,
				     FOLL_GET | FOLL_WRITE | FOLL_FORCE, &to);
	mmap_read_unlock(reverter->mm);
	if (got == 1) {
		copy_highpage(to, from);
		set_page_dirty_lock(to);
		put_page(to);
		reverter->nr_pages++;
	}
	put_page(from);
	if (got == 1)
		return 0;
	return got < 0 ? got : -EFAULT;
}

/* Only pages that exist, in memory or in swap: holes stay holes. */
static int tracker_revert_copy(struct tracker_reverter *reverter,
			       const struct tracker_revert_piece *piece)
{
	struct address_space *mapping = reverter->session->inode->i_mapping;
	pgoff_t last = piece->pgoff +
		       ((piece->end - piece->start) >> PAGE_SHIFT) - 1;
	unsigned long index = piece->pgoff;
	int err;

	for (; xa_find(&mapping->i_pages, &index, last, XA_PRESENT); index++) {
		err = tracker_revert_page(reverter,
					  piece->start + ((index - piece->pgoff)
							  << PAGE_SHIFT),
					  index);
		if (err)
			return err;
		cond_resched();
		if (index == last)
			break;
	}
	return 0;
}

static int tracker_revert_map(struct file *file,
			      const struct tracker_revert_piece *piece,
			      unsigned long flags)
{
	return tracker_map_over(file, piece->start, piece->end, piece->prot,
				flags | piece->map_flags,
				file ? (loff_t)piece->pgoff << PAGE_SHIFT : 0);
}

/* Whoever has pinned a page would go on with one that is no longer mapped. */
static bool tracker_revert_is_pinned(struct tracker_reverter *reverter,
				     const struct tracker_revert_piece *piece)
{
	struct address_space *mapping = reverter->session->inode->i_mapping;
	pgoff_t last = piece->pgoff +
		       ((piece->end - piece->start) >> PAGE_SHIFT) - 1;
	unsigned long index = piece->pgoff;
	bool pinned = false;
	struct folio *folio;

	for (; xa_find(&mapping->i_pages, &index, last, XA_PRESENT); index++) {
		folio = tracker_filemap_get(mapping, index);
		if (folio) {
			pinned = folio_maybe_dma_pinned(folio);
			folio_put(folio);
		}
		if (pinned || index == last)
			break;
	}
	return pinned;
}

/*
 * The pseudo-file keeps its pages until the copy is complete, so a failure maps
 * it back.
 */
static int tracker_revert_piece(struct tracker_reverter *reverter,
				const struct tracker_revert_piece *piece)
{
	struct tracker_session *session = reverter->session;
	int tries, err;

	/* The target stands, so I/O that pins pages comes to its end. */
	for (tries = 0; tracker_revert_is_pinned(reverter, piece); tries++) {
		if (tries == TRACKER_PIN_TRIES)
			return -EAGAIN;
		msleep(1);
	}
	err = tracker_revert_map(NULL, piece, MAP_PRIVATE);
	if (!err)
		err = tracker_revert_copy(reverter, piece);
	if (err) {
		if (tracker_revert_map(session->file, piece, MAP_SHARED))
			pr_err("tracker: cannot map %lx-%lx of a target back\n",
			       piece->start, piece->end);
		return err;
	}
	/* Forked children still read what their parent held at the fork. */
	if (!tracker_family_has_snapshots(session->family))
		tracker_drop(session, piece->pgoff,
			     piece->pgoff +
				     ((piece->end - piece->start) >> PAGE_SHIFT));
	return 0;
}

/* Return: false if there is no tracked mapping from @addr on. */
static bool tracker_revert_next(struct tracker_reverter *reverter,
				unsigned long addr,
				struct tracker_revert_piece *piece)
{
	struct tracker_session *session = reverter->session;
	struct tracker_region *region;
	struct vm_area_struct *vma;
	bool found = false;
	VMA_ITERATOR(vmi, reverter->mm, addr);

	mmap_read_lock(reverter->mm);
	for_each_vma(vmi, vma) {
		if (!tracker_vma_is_target(vma) ||
		    tracker_vma_session(vma) != session)
			continue;
		region = tracker_region_lookup(session, vma->vm_pgoff);
		piece->start = max(vma->vm_start, addr);
		piece->end = min(vma->vm_end, piece->start + TRACKER_PIECE_BYTES);
		piece->prot = tracker_vma_prot(vma);
		piece->map_flags = tracker_vma_map_flags(vma) |
			(region && region->noreserve ? MAP_NORESERVE : 0);
		piece->pgoff = vma->vm_pgoff +
			       ((piece->start - vma->vm_start) >> PAGE_SHIFT);
		if (piece->end == vma->vm_end)
			reverter->nr_vmas++;
		found = true;
		break;
	}
	mmap_read_unlock(reverter->mm);
	return found;
}

/* Runs in the target's mm. */
static int tracker_revert_all(void *data)
{
	struct tracker_reverter *reverter = data;
	struct tracker_revert_piece piece;
	unsigned long addr = 0;
	int err;

	while (tracker_revert_next(reverter, addr, &piece)) {
		err = tracker_revert_piece(reverter, &piece);
		if (err)
			return err;
		addr = piece.end;
	}
	return 0;
}

/* TRACKER_IOC_REVERT. Caller holds session->lock. */
long tracker_ioctl_revert(struct tracker_session *session,
			  struct tracker_revert __user *argp)
{
	struct tracker_reverter reverter = { .session = session };
	struct tracker_revert args;
	long err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	if (!mmget_not_zero(session->mm))
		return -ESRCH;
	reverter.mm = session->mm;
	err = tracker_check_stopped(session->mm, &args.busy_tid);
	if (!err)
		err = tracker_run_in_mm(session->mm, tracker_revert_all,
					&reverter);
	mmput(session->mm);
	args.nr_vmas = reverter.nr_vmas;
	args.nr_pages = reverter.nr_pages;
	if (!err)
		tracker_session_end(session);
	if (copy_to_user(argp, &args, sizeof(args)))
		err = -EFAULT;
	return err;
}
