// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappers: the processes that map a shared file, all to be wrapped or unwrapped.
 * Nobody waits here for what another process is at: it may last, and the caller
 * holds tracker_shares_lock. A fork() that is under way holds its mmap_lock, so
 * that no copy of a mapping is missed.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "share.h"

typedef int (*tracker_vma_change_t)(struct vm_area_struct *vma);

/* Whether a mapping is one of the file that is, or has to be, wrapped. */
bool tracker_share_has(struct tracker_share *share,
		       const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_SHARED && vma->vm_ops && vma->vm_file &&
	       vma->vm_file->f_mapping == share->mapping;
}

/* Return: 0, -EBUSY, -ESRCH if the process is on its way out, or another -errno. */
static int tracker_mapper_change(struct vm_area_struct *vma,
				 tracker_vma_change_t change)
{
	struct mm_struct *mm = vma->vm_mm;
	int err = -EBUSY;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	if (tracker_mmap_write_trylock(mm)) {
		err = change(vma);
		mmap_write_unlock(mm);
	}
	mmput_async(mm);
	return err;
}

/*
 * Changes each mapping of the file that is (not) wrapped. One that cannot be does
 * not keep the others from it.
 *
 * Return: the last -errno, of which -EBUSY and -ESRCH only where there is no other.
 */
static int tracker_mappers_change(struct tracker_share *share, bool is_wrapped,
				  tracker_vma_change_t change)
{
	struct address_space *mapping = share->mapping;
	struct vm_area_struct *vma;
	struct rb_node *node;
	int err, ret = 0;

	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node;
	     node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		if (!tracker_share_has(share, vma) ||
		    tracker_vma_is_wrapped(vma) != is_wrapped)
			continue;
		err = tracker_mapper_change(vma, change);
		if (!err && !is_wrapped)
			share->nr_late++;
		if (err && (!ret || ret == -ESRCH ||
			    (ret == -EBUSY && err != -ESRCH)))
			ret = err;
		cond_resched();
	}
	i_mmap_unlock_read(mapping);
	return ret;
}

/**
 * tracker_share_wrap - wrap every mapping of a file
 * @share: the file; the caller holds tracker_shares_lock
 *
 * share->nr_late counts them: what they have written so far is in no log.
 *
 * Return: 0, -EBUSY if a process is at something that may last, -EAGAIN if one
 * has registered the file with userfaultfd, or -ENOMEM.
 */
int tracker_share_wrap(struct tracker_share *share)
{
	int err = tracker_mappers_change(share, false, tracker_vma_wrap);

	/* Who is on the way out has no mapping that matters. */
	return err == -ESRCH ? 0 : err;
}

/**
 * tracker_share_wrap_own - wrap the caller's own mappings of a file
 * @share: the file; the caller holds tracker_shares_lock, and its own mmap_lock
 *	for writing
 * @own: what of it the caller has just mapped, and will absorb
 *
 * Others, which nobody will absorb, count in share->nr_late.
 *
 * Return: as tracker_share_wrap().
 */
int tracker_share_wrap_own(struct tracker_share *share,
			   const struct tracker_adoption *own)
{
	struct vm_area_struct *vma;
	int err = 0;
	VMA_ITERATOR(vmi, current->mm, 0);

	for_each_vma(vmi, vma) {
		if (err || !tracker_share_has(share, vma) ||
		    tracker_vma_is_wrapped(vma))
			continue;
		err = tracker_vma_wrap(vma);
		if (!err && (vma->vm_start < own->start ||
			     vma->vm_end > own->end))
			share->nr_late++;
	}
	return err;
}

/**
 * tracker_share_is_wrapped - is no mapping of a file left to be wrapped?
 * @share: the file
 *
 * Whoever maps it sees to that (share_hook.c), but for an mmap() that has begun
 * before the module was loaded; and that may have to be left to a harvest.
 *
 * Return: whether the writes of all processes are seen.
 */
bool tracker_share_is_wrapped(struct tracker_share *share)
{
	struct address_space *mapping = share->mapping;
	struct vm_area_struct *vma;
	bool is_wrapped = true;
	struct rb_node *node;

	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node && is_wrapped;
	     node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		is_wrapped = !tracker_share_has(share, vma) ||
			     tracker_vma_is_wrapped(vma) ||
			     !atomic_read(&vma->vm_mm->mm_users);
	}
	i_mmap_unlock_read(mapping);
	return is_wrapped;
}

/**
 * tracker_share_unwrap - unwrap every mapping of a file
 * @share: the file; the caller holds tracker_shares_lock, so that none is
 *	wrapped anew
 *
 * Return: false if a process is at something that may last, or on its way out.
 */
bool tracker_share_unwrap(struct tracker_share *share)
{
	return !tracker_mappers_change(share, true, tracker_vma_unwrap);
}
