/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that knows kernel versions: written for 6.12, made to fit 6.1.
 */
#ifndef TRACKER_COMPAT_H
#define TRACKER_COMPAT_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/version.h>

/*
 * dup_mmap() has to call ->open before it takes its reference on vm_file, as it
 * does since 6.9 ("fork: defer linking file vma until vma is fully initialized")
 * and in 6.1 from 6.1.191 on (backported, reverted and backported again before):
 * on another kernel a fork would free a file that is mapped. Only kernels whose
 * code was read are let through.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 191) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#error "tracker supports Linux 6.1 from 6.1.191 on, and 6.12: install the current kernel"
#endif

/* 6.3 added vm_flags_*(); before, the field is written directly. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}

static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* 6.4 handles faults under a lock of the VMA, which a change must wait for. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static inline void vma_start_write(struct vm_area_struct *vma)
{
}
#endif

/*
 * 6.10 dropped mmap_write_trylock(). In 6.12.y what was a number became a
 * seqcount, of which whoever locks does one half and mmap_write_unlock() the
 * other.
 */
static inline bool tracker_mmap_write_trylock(struct mm_struct *mm)
{
	if (!down_write_trylock(&mm->mmap_lock))
		return false;
#ifdef CONFIG_PER_VMA_LOCK
	if (__builtin_types_compatible_p(typeof(mm->mm_lock_seq), seqcount_t))
		do_raw_write_seqcount_begin((seqcount_t *)&mm->mm_lock_seq);
#endif
	return true;
}

/*
 * vma_start_write() for who cannot wait for the faults that are under way in the
 * mapping. Caller holds mmap_lock for writing.
 */
static inline bool tracker_vma_start_write_trylock(struct vm_area_struct *vma)
{
#ifdef CONFIG_PER_VMA_LOCK
	if (!down_write_trylock(&vma->vm_lock->lock))
		return false;
	/* A seqcount begins with its number. */
	WRITE_ONCE(vma->vm_lock_seq,
		   *(unsigned int *)&vma->vm_mm->mm_lock_seq);
	up_write(&vma->vm_lock->lock);
#endif
	return true;
}

/*
 * Large folios count their mappings in one place since 6.10. folio_mapcount(),
 * which is not exported before: a mapping of a file's folio as a whole counts in
 * each of its pages, too, but holds one reference.
 */
static inline int tracker_folio_mapcount(struct folio *folio)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	int compound, mapcount = 0;
	long i;

	if (!folio_test_large(folio))
		return atomic_read(&folio->_mapcount) + 1;
	for (i = 0; i < folio_nr_pages(folio); i++)
		mapcount += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
	compound = folio_entire_mapcount(folio);
	if (!folio_test_anon(folio))
		mapcount -= compound * folio_nr_pages(folio);
	return mapcount + compound;
#else
	return folio_mapcount(folio);
#endif
}

/* Sealed mappings came with 6.10, shadow stacks with 6.6. */
#ifndef VM_SEALED
#define VM_SEALED	VM_NONE
#endif
#ifndef VM_SHADOW_STACK
#define VM_SHADOW_STACK	VM_NONE
#endif

/*
 * 6.3 made __filemap_get_folio() return an ERR_PTR where it returned NULL.
 * Return: the folio, or NULL if the page cache has no folio at @index (it may
 * still be in swap).
 */
static inline struct folio *tracker_filemap_get(struct address_space *mapping,
						pgoff_t index)
{
	struct folio *folio = __filemap_get_folio(mapping, index, 0, 0);

	return IS_ERR_OR_NULL(folio) ? NULL : folio;
}

/* As tracker_filemap_get(), with the folio locked. */
static inline struct folio *tracker_filemap_lock(struct address_space *mapping,
						 pgoff_t index)
{
	struct folio *folio = __filemap_get_folio(mapping, index, FGP_LOCK, 0);

	return IS_ERR_OR_NULL(folio) ? NULL : folio;
}

/* 6.5 dropped the vmas argument. */
static inline long tracker_get_user_pages(struct mm_struct *mm,
					  unsigned long start,
					  unsigned long nr_pages,
					  unsigned int flags,
					  struct page **pages)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, start, nr_pages, flags, pages, NULL,
				     NULL);
#else
	return get_user_pages_remote(mm, start, nr_pages, flags, pages, NULL);
#endif
}

/* 6.7 changed the argument of get_file_rcu() to a pointer to the pointer. */
static inline bool tracker_file_tryget(struct file *file)
{
	return atomic_long_inc_not_zero(&file->f_count);
}

/*
 * 6.4 calls ->fault under the per-VMA lock only where ->map_pages is set
 * (vmf_can_call_fault()); without, each fault starts twice. Fault-around must
 * map nothing: it would hand a forked child its parent's live pages.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
static inline vm_fault_t tracker_map_no_pages(struct vm_fault *vmf,
					      pgoff_t start, pgoff_t end)
{
	return 0;
}
#define TRACKER_MAP_PAGES	.map_pages = tracker_map_no_pages,
#else
#define TRACKER_MAP_PAGES
#endif

/* 6.7 renamed what fork() does for a page that both processes map. */
static inline int tracker_dup_anon_rmap(struct page *page,
					struct vm_area_struct *from)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return page_try_dup_anon_rmap(page, false, from);
#else
	return folio_try_dup_anon_rmap_pte(page_folio(page), page, from);
#endif
}

/* 6.2 made the counters per-CPU; what adds to them traces, which is not exported. */
static inline void tracker_count_anon_page(struct mm_struct *mm)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	atomic_long_inc(&mm->rss_stat.count[MM_ANONPAGES]);
#else
	percpu_counter_inc(&mm->rss_stat[MM_ANONPAGES]);
#endif
}

/* pmd_large() became pmd_leaf() for good in 6.9. */
static inline bool tracker_pmd_is_leaf(pmd_t pmd)
{
	return pmd_present(pmd) && (pmd_val(pmd) & _PAGE_PSE);
}

static inline bool tracker_pud_is_leaf(pud_t pud)
{
	return pud_present(pud) && (pud_val(pud) & _PAGE_PSE);
}

#endif /* TRACKER_COMPAT_H */
