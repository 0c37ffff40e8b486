// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wrapping: a shared mapping stays where it is and gets vm_ops that do what its
 * own did, and log writes. A mapping whose vm_ops have a page_mkwrite is one
 * whose clean pages the kernel keeps write-protected.
 */
#include <linux/kmemleak.h>
#include <linux/magic.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "share.h"

/*
 * One for each file system's (and SysV's) vm_ops. They are never freed: a process
 * that exits takes a mapping out of the file's tree, where unwrapping looks, some
 * time before it asks the vm_ops for their ->close.
 */
struct tracker_wrapper {
	struct vm_operations_struct ops;
	const struct vm_operations_struct *orig;
	struct vm_operations_struct orig_copy;
	struct list_head node;
};

static LIST_HEAD(tracker_wrappers);	/* tracker_shares_lock */
static atomic_t tracker_nr_unwraps = ATOMIC_INIT(0);

static const struct vm_operations_struct *
tracker_vma_orig_ops(const struct vm_area_struct *vma)
{
	return container_of(vma->vm_ops, struct tracker_wrapper, ops)->orig;
}

/*
 * What comes of the original page_mkwrite, with the page locked. Where there is
 * none, the kernel would have noted the time after the fault, and does not now.
 */
static vm_fault_t tracker_orig_page_mkwrite(struct vm_fault *vmf)
{
	const struct vm_operations_struct *orig = tracker_vma_orig_ops(vmf->vma);
	struct folio *folio = page_folio(vmf->page);
	vm_fault_t ret = 0;

	if (orig->page_mkwrite)
		ret = orig->page_mkwrite(vmf);
	else
		file_update_time(vmf->vma->vm_file);
	if (ret & (VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY |
		   VM_FAULT_LOCKED))
		return ret;
	folio_lock(folio);
	if (folio->mapping == vmf->vma->vm_file->f_mapping)
		return ret | VM_FAULT_LOCKED;
	folio_unlock(folio);
	return VM_FAULT_NOPAGE;
}

static vm_fault_t tracker_wrapped_page_mkwrite(struct vm_fault *vmf)
{
	vm_fault_t ret = tracker_orig_page_mkwrite(vmf);

	/* The page stays locked until its PTE is writable; see harvest.c. */
	if (ret & VM_FAULT_LOCKED)
		tracker_share_log(vmf->vma->vm_file->f_mapping,
				  page_folio(vmf->page), vmf->pgoff);
	return ret;
}

bool tracker_vma_is_wrapped(const struct vm_area_struct *vma)
{
	return vma->vm_ops &&
	       vma->vm_ops->page_mkwrite == tracker_wrapped_page_mkwrite;
}

/* Caller holds tracker_shares_lock. Return: the wrapper or NULL. */
static struct tracker_wrapper *
tracker_wrapper_get(const struct vm_operations_struct *orig)
{
	struct tracker_wrapper *wrapper;

	/* A file system's module may have been replaced by another one. */
	list_for_each_entry(wrapper, &tracker_wrappers, node)
		if (wrapper->orig == orig &&
		    !memcmp(&wrapper->orig_copy, orig, sizeof(*orig)))
			return wrapper;
	/* Reclaim takes the lock on the file's mappings that the caller holds. */
	wrapper = kzalloc(sizeof(*wrapper), GFP_ATOMIC);
	if (!wrapper)
		return NULL;
	kmemleak_not_leak(wrapper);
	wrapper->orig = orig;
	wrapper->orig_copy = *orig;
	wrapper->ops = *orig;
	wrapper->ops.page_mkwrite = tracker_wrapped_page_mkwrite;
	list_add(&wrapper->node, &tracker_wrappers);
	return wrapper;
}

/* As vma_set_page_prot(), which is not exported, for ordinary memory. */
static void tracker_vma_set_prot(struct vm_area_struct *vma, bool is_protected)
{
	vm_flags_t flags = vma->vm_flags;

	if (is_protected)
		flags &= ~VM_SHARED;
	WRITE_ONCE(vma->vm_page_prot, vm_get_page_prot(flags));
}

/**
 * tracker_vma_wrap - see the writes to a shared mapping
 * @vma: the mapping; the caller holds mmap_lock for writing, and
 *	tracker_shares_lock
 *
 * Pages that are writable by now stay so until they are write-protected.
 *
 * Return: 0, -EAGAIN if it is registered with userfaultfd, -EBUSY if a fault is
 * under way in it, or -ENOMEM.
 */
int tracker_vma_wrap(struct vm_area_struct *vma)
{
	struct tracker_wrapper *wrapper;

	/* Its calls know their mappings by the vm_ops, and write without a fault. */
	if (vma->vm_flags & __VM_UFFD_FLAGS)
		return -EAGAIN;
	wrapper = tracker_wrapper_get(vma->vm_ops);
	if (!wrapper)
		return -ENOMEM;
	if (!tracker_vma_start_write_trylock(vma))
		return -EBUSY;
	vma->vm_ops = &wrapper->ops;
	tracker_vma_set_prot(vma, true);
	return 0;
}

/* Shmem mappings are writable at once; those of file systems that ask are not. */
static bool tracker_vma_was_writable(const struct vm_area_struct *vma)
{
	if (IS_ENABLED(CONFIG_MEM_SOFT_DIRTY) &&
	    !(vma->vm_flags & VM_SOFTDIRTY))
		return false;
	return !vma->vm_ops->page_mkwrite && !vma->vm_ops->pfn_mkwrite &&
	       file_inode(vma->vm_file)->i_sb->s_magic == TMPFS_MAGIC;
}

/**
 * tracker_vma_unwrap - the reverse of tracker_vma_wrap()
 * @vma: the mapping; the caller holds mmap_lock for writing
 *
 * Return: 0, or -EBUSY if a fault is under way in it.
 */
int tracker_vma_unwrap(struct vm_area_struct *vma)
{
	if (!tracker_vma_start_write_trylock(vma))
		return -EBUSY;
	vma->vm_ops = tracker_vma_orig_ops(vma);
	atomic_inc(&tracker_nr_unwraps);
	if (tracker_vma_was_writable(vma))
		tracker_vma_set_prot(vma, false);
	return 0;
}

/* How often mappings have been unwrapped, of whatever process. */
int tracker_vma_nr_unwraps(void)
{
	return atomic_read(&tracker_nr_unwraps);
}
