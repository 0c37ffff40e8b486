// SPDX-License-Identifier: GPL-2.0-only
/* What a mapping is, and what can be done with it. */
#include <linux/magic.h>
#include <linux/mman.h>
#include <linux/userfaultfd_k.h>

#include "share.h"
#include "tree.h"

/* A stack of so many pages is not worth a freeze. */
#define TRACKER_STACK_PAGES	16

/* Flags that vm_mmap() gives a mapping by itself. */
#define TRACKER_PLAIN_FLAGS                                                   \
	(VM_READ | VM_WRITE | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | \
	 VM_ACCOUNT | VM_NORESERVE | VM_SOFTDIRTY | VM_GROWSDOWN)

#ifdef CONFIG_ARCH_HAS_PKEYS
#define TRACKER_PKEY_FLAGS                                                    \
	(VM_PKEY_BIT0 | VM_PKEY_BIT1 | VM_PKEY_BIT2 | VM_PKEY_BIT3)
#else
#define TRACKER_PKEY_FLAGS	VM_NONE
#endif

/* Flags that a mapping gets by madvise(), mlock() and pkey_mprotect(). */
#define TRACKER_EXTRA_FLAGS                                                   \
	(VM_LOCKED | VM_LOCKONFAULT | VM_SEQ_READ | VM_RAND_READ | VM_DONTCOPY | \
	 VM_WIPEONFORK | VM_DONTDUMP | VM_HUGEPAGE | VM_NOHUGEPAGE |          \
	 VM_MERGEABLE | TRACKER_PKEY_FLAGS)

/* PROT_* of a mapping, for vm_mmap(). */
unsigned long tracker_vma_prot(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & VM_READ ? PROT_READ : 0) |
	       (vma->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
	       (vma->vm_flags & VM_EXEC ? PROT_EXEC : 0);
}

/* What of a mapping's flags goes with its content. */
vm_flags_t tracker_vma_extra(const struct vm_area_struct *vma)
{
	return vma->vm_flags & TRACKER_EXTRA_FLAGS;
}

/* What no reader of /proc/PID/mem sees, or what is not memory. */
static bool tracker_vma_is_special(struct vm_area_struct *vma)
{
	if (tracker_vma_is_child(vma) || vma_is_dax(vma))
		return true;
	if (vma->vm_flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP))
		return true;
	if (!vma->vm_file)
		return vma->vm_ops;
	return file_inode(vma->vm_file)->i_sb->s_magic == SECRETMEM_MAGIC;
}

/**
 * tracker_vma_kind - what a mapping is
 * @session: the target's session
 * @vma: an untracked mapping; the caller holds mmap_lock
 *
 * Return: enum tracker_kind.
 */
u16 tracker_vma_kind(struct tracker_session *session,
		     struct vm_area_struct *vma)
{
	struct inode *inode;

	if (tracker_vma_is_heir(session, vma))
		return tracker_origin_kind(session, vma);
	if (tracker_vma_is_special(vma))
		return TRACKER_KIND_SPECIAL;
	if (!vma->vm_file)
		return TRACKER_KIND_ANON_PRIVATE;
	inode = file_inode(vma->vm_file);
	if (is_vm_hugetlb_page(vma))
		return vma->vm_flags & VM_MAYSHARE ? TRACKER_KIND_ANON_SHARED :
						     TRACKER_KIND_ANON_PRIVATE;
	if (!(vma->vm_flags & VM_MAYSHARE))
		return TRACKER_KIND_FILE_PRIVATE;
	if (inode->i_sb->s_magic == TMPFS_MAGIC || inode->i_nlink == 0)
		return TRACKER_KIND_ANON_SHARED;
	return TRACKER_KIND_FILE_SHARED;
}

/*
 * Overlay file systems map another inode than the file is opened by, and AIO
 * rings are written by the kernel without a fault.
 */
static bool tracker_file_is_plain(struct file *file)
{
	struct address_space *mapping = file->f_mapping;

	return S_ISREG(mapping->host->i_mode) &&
	       d_inode(file->f_path.dentry)->i_mapping == mapping;
}

static u16 tracker_vma_private_state(struct vm_area_struct *vma)
{
	struct file *file = vma->vm_file;

	if (vma->vm_flags & ~(TRACKER_PLAIN_FLAGS | TRACKER_EXTRA_FLAGS))
		return TRACKER_VMA_SPECIAL_FLAGS;
	if (vma->vm_flags & VM_GROWSDOWN && vma_pages(vma) <= TRACKER_STACK_PAGES)
		return TRACKER_VMA_STACK;
	if (vma_pages(vma) > TRACKER_MAX_PGOFF / 16)
		return TRACKER_VMA_HUGE;
	if (!file)
		return TRACKER_VMA_SWAPPABLE;
	if (!S_ISREG(file->f_mapping->host->i_mode) ||
	    (file->f_mapping->host->i_sb->s_magic != TMPFS_MAGIC &&
	     !file->f_mapping->a_ops->read_folio))
		return TRACKER_VMA_KIND;
	return TRACKER_VMA_SWAPPABLE;
}

/*
 * Memory that the target only reads is tracked where others may write to it and
 * no file system keeps it.
 */
static u16 tracker_vma_shared_state(struct vm_area_struct *vma)
{
	if (!tracker_file_is_plain(vma->vm_file) || !vma->vm_ops ||
	    !vma->vm_ops->fault)
		return TRACKER_VMA_KIND;
	if (vma->vm_pgoff + vma_pages(vma) > TRACKER_REGION_PAGES)
		return TRACKER_VMA_HUGE;
	return TRACKER_VMA_SWAPPABLE;
}

/*
 * A file that has lost its last name since is in no file system any more, so it is
 * tracked anew, as a segment that is stored as a whole. What is behind the block
 * of a region cannot be logged.
 */
static bool tracker_vma_is_shared_target(struct tracker_session *session,
					 struct vm_area_struct *vma)
{
	struct tracker_region *region;

	if (!(vma->vm_flags & VM_MAYSHARE) || !vma->vm_file)
		return false;
	region = tracker_share_region(session, vma->vm_file->f_mapping);
	return region &&
	       vma->vm_pgoff + vma_pages(vma) <= region->nr_pages &&
	       (region->kind != TRACKER_KIND_FILE_SHARED ||
		tracker_vma_kind(session, vma) != TRACKER_KIND_ANON_SHARED);
}

static u16 tracker_vma_heir_state(struct tracker_session *session,
				  struct vm_area_struct *vma)
{
	if (tracker_origin_kind(session, vma) == TRACKER_KIND_SPECIAL)
		return TRACKER_VMA_KIND;
	if (vma->vm_flags & VM_SEALED)
		return TRACKER_VMA_SEALED;
	if (vma->vm_flags & ~(TRACKER_PLAIN_FLAGS | TRACKER_EXTRA_FLAGS))
		return TRACKER_VMA_SPECIAL_FLAGS;
	return TRACKER_VMA_SWAPPABLE;
}

/**
 * tracker_vma_state - what can be done with a mapping
 * @session: the target's session
 * @vma: the mapping; the caller holds mmap_lock
 *
 * Return: enum tracker_vma_state.
 */
u16 tracker_vma_state(struct tracker_session *session,
		      struct vm_area_struct *vma)
{
	u16 kind;

	if (tracker_vma_is_target(vma) && tracker_vma_session(vma) == session)
		return TRACKER_VMA_TRACKED;
	if (tracker_vma_is_shared_target(session, vma))
		return TRACKER_VMA_TRACKED;
	/* Also where it is read-only: its page table does not show what it has. */
	if (tracker_vma_is_heir(session, vma))
		return tracker_vma_heir_state(session, vma);
	kind = tracker_vma_kind(session, vma);
	if (!(vma->vm_flags & VM_WRITE) &&
	    (kind != TRACKER_KIND_ANON_SHARED || is_vm_hugetlb_page(vma)))
		return TRACKER_VMA_READONLY;
	if (kind == TRACKER_KIND_SPECIAL)
		return TRACKER_VMA_KIND;
	if (is_vm_hugetlb_page(vma))
		return TRACKER_VMA_HUGETLB;
	if (vma->vm_flags & VM_SEALED)
		return TRACKER_VMA_SEALED;
	if (vma->vm_flags & (__VM_UFFD_FLAGS | VM_SHADOW_STACK))
		return TRACKER_VMA_SPECIAL_FLAGS;
	if (kind == TRACKER_KIND_ANON_PRIVATE ||
	    kind == TRACKER_KIND_FILE_PRIVATE)
		return tracker_vma_private_state(vma);
	return tracker_vma_shared_state(vma);
}

/* Of a target's or a child's mapping. Caller holds mmap_lock. */
struct tracker_family *tracker_vma_family(const struct vm_area_struct *vma)
{
	struct tracker_snapshot *snapshot = vma->vm_file->private_data;

	if (tracker_vma_is_target(vma))
		return tracker_vma_session(vma)->family;
	return snapshot->family;
}
