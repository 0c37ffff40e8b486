// SPDX-License-Identifier: GPL-2.0-only
/* Mappers: the processes that map a shared file, all to be wrapped or unwrapped. */
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "share.h"

static bool tracker_share_has(struct tracker_share *share,
			      const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_SHARED && vma->vm_ops && vma->vm_file &&
	       vma->vm_file->f_mapping == share->mapping;
}

/*
 * A process with a mapping of the file that is (not) wrapped. One that is on its
 * way out has none that matters, but *is_exiting says that there is one.
 *
 * Return: its mm with a reference, or NULL.
 */
static struct mm_struct *tracker_share_next(struct tracker_share *share,
					    bool is_wrapped, bool *is_exiting)
{
	struct address_space *mapping = share->mapping;
	struct vm_area_struct *vma;
	struct mm_struct *mm = NULL;
	struct rb_node *node;

	*is_exiting = false;
	i_mmap_lock_read(mapping);
	for (node = rb_first_cached(&mapping->i_mmap); node && !mm;
	     node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		if (!tracker_share_has(share, vma) ||
		    tracker_vma_is_wrapped(vma) != is_wrapped)
			continue;
		if (mmget_not_zero(vma->vm_mm))
			mm = vma->vm_mm;
		else
			*is_exiting = true;
	}
	i_mmap_unlock_read(mapping);
	return mm;
}

/* A fork() that failed leaves a mark where its mappings end. */
static struct vm_area_struct *tracker_vma_next(struct vma_iterator *vmi)
{
	struct vm_area_struct *vma = vma_next(vmi);

	return xa_is_zero(vma) ? NULL : vma;
}

static int tracker_share_wrap_mm(struct tracker_share *share,
				 struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	int err = 0;
	VMA_ITERATOR(vmi, mm, 0);

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	while ((vma = tracker_vma_next(&vmi)))
		if (!err && tracker_share_has(share, vma) &&
		    !tracker_vma_is_wrapped(vma))
			err = tracker_vma_wrap(vma);
	mmap_write_unlock(mm);
	return err;
}

/* Caller holds tracker_shares_lock. */
int tracker_share_wrap(struct tracker_share *share)
{
	struct mm_struct *mm;
	bool is_exiting;
	int err = 0;

	while (!err && (mm = tracker_share_next(share, false, &is_exiting))) {
		err = tracker_share_wrap_mm(share, mm);
		mmput_async(mm);
		cond_resched();
	}
	return err;
}

/* Return: false if the process is at something that may last. */
static bool tracker_share_unwrap_mm(struct tracker_share *share,
				    struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	if (!tracker_mmap_write_trylock(mm))
		return false;
	while ((vma = tracker_vma_next(&vmi)))
		if (tracker_share_has(share, vma) && tracker_vma_is_wrapped(vma))
			tracker_vma_unwrap(vma);
	mmap_write_unlock(mm);
	return true;
}

/*
 * Until no mapping of the file has vm_ops of ours. Caller holds
 * tracker_shares_lock, so that none is wrapped anew; what fork() copies is found
 * after its parent.
 *
 * Return: false if a process is at something that may last, or on its way out.
 */
bool tracker_share_unwrap(struct tracker_share *share)
{
	struct mm_struct *mm;
	bool is_exiting, is_done = true;

	while (is_done) {
		mm = tracker_share_next(share, true, &is_exiting);
		if (!mm)
			return !is_exiting;
		is_done = tracker_share_unwrap_mm(share, mm);
		mmput_async(mm);
		cond_resched();
	}
	return false;
}
