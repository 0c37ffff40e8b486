// SPDX-License-Identifier: GPL-2.0-only
/*
 * Revert: what was there takes the pseudo-file's place again. The target is
 * stopped. Each mapping is put back as a whole; then its pages are copied, and
 * given up in the pseudo-file piece by piece.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/uaccess.h>

#include "reshare.h"
#include "source.h"

#define TRACKER_PIN_TRIES	1000	/* about a second */

struct tracker_reverter {
	struct tracker_session *session;
	struct mm_struct *mm;
	struct tracker_reshare reshare;	/* of the mapping in hand */
	u64 nr_vmas;
	u64 nr_pages;
};

/* One tracked VMA, or what is left of it. */
struct tracker_revert_vma {
	unsigned long start;
	unsigned long end;
	pgoff_t pgoff;
	unsigned long prot;		/* PROT_* */
	unsigned long map_flags;	/* MAP_* */
	vm_flags_t extra;
	struct tracker_source *source;
	struct tracker_label label;
};

/*
 * FOLL_FORCE: the mapping may have become read-only or PROT_NONE since it was
 * swapped. Breaking copy-on-write there is what ptrace does, too.
 */
static int tracker_revert_page(struct tracker_reverter *reverter,
			       unsigned long addr, pgoff_t pgoff)
{
	struct page *from, *to;
	long got;

	from = tracker_donor_offer(reverter->session, pgoff);
	if (!from)
		from = tracker_page_get(reverter->session, pgoff);
	if (IS_ERR(from))
		return PTR_ERR(from);
	if (tracker_reshare_page(&reverter->reshare, from, addr)) {
		put_page(from);
		reverter->nr_pages++;
		return 0;
	}
	mmap_read_lock(reverter->mm);
	got = tracker_get_user_pages(reverter->mm, addr, 1,
				     FOLL_GET | FOLL_WRITE | FOLL_FORCE, &to);
	mmap_read_unlock(reverter->mm);
	if (got == 1) {
		copy_highpage(to, from);
		set_page_dirty_lock(to);
		tracker_reshare_add(&reverter->reshare, from, to, addr);
		put_page(to);
		reverter->nr_pages++;
	}
	put_page(from);
	if (got == 1)
		return 0;
	return got < 0 ? got : -EFAULT;
}

static pgoff_t tracker_revert_pgoff(const struct tracker_revert_vma *old,
				    unsigned long addr)
{
	return old->pgoff + ((addr - old->start) >> PAGE_SHIFT);
}

/*
 * Copies from @start on as much as makes a piece, which ends at *end. Only pages
 * that exist, in memory or in swap: holes stay holes.
 */
static int tracker_revert_copy(struct tracker_reverter *reverter,
			       const struct tracker_revert_vma *old,
			       unsigned long start, unsigned long *end)
{
	pgoff_t stop = tracker_revert_pgoff(old, old->end);
	pgoff_t index = tracker_revert_pgoff(old, start);
	unsigned long room = TRACKER_PIECE_PAGES;
	int err;

	*end = old->end;
	for (;; index++) {
		index = tracker_page_next(reverter->session, index, stop);
		if (index == stop)
			break;
		if (!room--) {
			*end = old->start + ((index - old->pgoff) << PAGE_SHIFT);
			break;
		}
		/* The file has been truncated: nothing can be there. */
		if (old->source &&
		    tracker_source_is_past_end(old->source, index))
			break;
		err = tracker_revert_page(reverter,
					  old->start + ((index - old->pgoff)
							<< PAGE_SHIFT),
					  index);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static int tracker_revert_map_private(const struct tracker_revert_vma *old)
{
	struct tracker_map map = {
		.start = old->start,
		.end = old->end,
		.prot = old->prot,
		.flags = MAP_PRIVATE | old->map_flags,
		.extra = old->extra,
	};

	if (old->source) {
		map.file = old->source->file;
		map.offset = (loff_t)(old->source->index +
				      (old->pgoff - old->source->base))
			     << PAGE_SHIFT;
	}
	if (!tracker_label_is_empty(&old->label))
		map.extra |= TRACKER_UNMERGED_FLAGS;
	return tracker_map_over(&map);
}

static void tracker_revert_map_back(struct tracker_reverter *reverter,
				    const struct tracker_revert_vma *old,
				    unsigned long start)
{
	struct tracker_map map = {
		.file = reverter->session->file,
		.offset = (loff_t)tracker_revert_pgoff(old, start) << PAGE_SHIFT,
		.start = start,
		.end = old->end,
		.prot = old->prot,
		.flags = MAP_SHARED,
		.extra = old->extra,
	};

	if (tracker_map_over(&map))
		pr_err("tracker: cannot map %lx-%lx of a target back\n", start,
		       old->end);
}

/* Whoever has pinned a page would go on with one that is no longer mapped. */
static bool tracker_revert_is_pinned(struct tracker_reverter *reverter,
				     const struct tracker_revert_vma *old)
{
	struct address_space *mapping = reverter->session->inode->i_mapping;
	pgoff_t last = tracker_revert_pgoff(old, old->end) - 1;
	unsigned long index = old->pgoff;
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
		cond_resched();
	}
	return pinned;
}

/* The target stands, so I/O that pins pages comes to its end. */
static int tracker_revert_wait(struct tracker_reverter *reverter,
			       const struct tracker_revert_vma *old)
{
	int tries;

	for (tries = 0; tracker_revert_is_pinned(reverter, old); tries++) {
		if (tries == TRACKER_PIN_TRIES)
			return -EAGAIN;
		msleep(1);
	}
	return 0;
}

/*
 * The pseudo-file keeps the pages of a piece until that is copied, so that a
 * failure maps the rest back.
 */
static int tracker_revert_content(struct tracker_reverter *reverter,
				  const struct tracker_revert_vma *old)
{
	struct tracker_session *session = reverter->session;
	unsigned long start, end;
	int err;

	reverter->reshare = (struct tracker_reshare){
		session, reverter->mm, old->start, old->end, old->pgoff
	};
	tracker_reshare_begin(&reverter->reshare);
	for (start = old->start; start < old->end; start = end) {
		err = tracker_revert_copy(reverter, old, start, &end);
		if (err) {
			tracker_revert_map_back(reverter, old, start);
			return err;
		}
		/* Forked children still read what their parent held at the fork. */
		if (!tracker_family_has_snapshots(session->family))
			tracker_drop(session, tracker_revert_pgoff(old, start),
				     tracker_revert_pgoff(old, end));
	}
	return 0;
}

static int tracker_revert_vma(struct tracker_reverter *reverter,
			      struct tracker_revert_vma *old)
{
	int err = tracker_revert_wait(reverter, old);

	if (err) {
		tracker_label_put(&old->label);
		return err;
	}
	err = tracker_revert_map_private(old);
	if (err)
		tracker_revert_map_back(reverter, old, old->start);
	/* Before the copy, so that the pages come from where the policy says. */
	if (!tracker_label_is_empty(&old->label))
		tracker_label_set(&old->label, reverter->mm, old->start,
				  old->end);
	return err ? err : tracker_revert_content(reverter, old);
}

/* Return: false if there is no tracked mapping from @addr on. */
static bool tracker_revert_next(struct tracker_reverter *reverter,
				unsigned long addr,
				struct tracker_revert_vma *old)
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
		old->start = vma->vm_start;
		old->end = vma->vm_end;
		old->pgoff = vma->vm_pgoff;
		old->prot = tracker_vma_prot(vma);
		old->extra = tracker_vma_extra(vma);
		old->map_flags =
			(region && region->noreserve ? MAP_NORESERVE : 0) |
			(region && region->grows_down ? MAP_GROWSDOWN : 0);
		old->source = tracker_source_lookup(session->family,
						    vma->vm_pgoff);
		tracker_label_get(&old->label, vma);
		old->label.name = tracker_name_get(region ? region->name : NULL);
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
	struct mm_struct *mm = reverter->mm;
	bool had_huge_pages = !test_and_set_bit(MMF_DISABLE_THP, &mm->flags);
	struct tracker_revert_vma old;
	unsigned long addr = 0;
	int err = 0;

	/* Huge pages would fill holes, and could not be shared page by page. */
	mutex_lock(&reverter->session->tree->revert_lock);
	while (!err && tracker_revert_next(reverter, addr, &old)) {
		err = tracker_revert_vma(reverter, &old);
		if (!err)
			reverter->nr_vmas++;
		addr = old.end;
	}
	mutex_unlock(&reverter->session->tree->revert_lock);
	if (had_huge_pages)
		clear_bit(MMF_DISABLE_THP, &mm->flags);
	return err;
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
	err = tracker_check_stopped(session, &args.busy_tid);
	if (!err)
		err = tracker_run_in_mm(session->mm, tracker_revert_all,
					&reverter);
	mmput(session->mm);
	args.nr_vmas = reverter.nr_vmas;
	args.nr_pages = reverter.nr_pages;
	if (!err) {
		tracker_session_detach(session);
		tracker_session_end(session);
	}
	if (copy_to_user(argp, &args, sizeof(args)))
		err = -EFAULT;
	return err;
}
