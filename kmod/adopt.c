// SPDX-License-Identifier: GPL-2.0-only
/* What system calls on mappings of shared files need of us (share_hook.c). */
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/sched/mm.h>

#include "share.h"

/*
 * A mapping that is not wrapped and should be. What is found is not kept: the
 * share can go when mmap_lock does.
 */
static struct vm_area_struct *tracker_share_wanting(struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	for_each_vma(vmi, vma)
		if (vma->vm_flags & VM_SHARED && vma->vm_file && vma->vm_ops &&
		    !tracker_vma_is_wrapped(vma) &&
		    tracker_share_find(vma->vm_file->f_mapping))
			return vma;
	return NULL;
}

/**
 * tracker_share_adopt - a process has mapped a file that may be shared
 * @mm: current->mm
 * @mapping: the file's, or NULL if it is not known
 * @index: first page that was mapped
 * @nr_pages: length
 */
void tracker_share_adopt(struct mm_struct *mm, struct address_space *mapping,
			 pgoff_t index, pgoff_t nr_pages)
{
	struct vm_area_struct *vma;

	if (mapping) {
		tracker_share_adopt_file(mapping, index, nr_pages);
		return;
	}
	mmap_read_lock(mm);
	vma = tracker_share_wanting(mm);
	if (vma) {
		mapping = vma->vm_file->f_mapping;
		index = vma->vm_pgoff;
		nr_pages = vma_pages(vma);
	}
	mmap_read_unlock(mm);
	if (mapping)
		tracker_share_adopt_file(mapping, index, nr_pages);
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
