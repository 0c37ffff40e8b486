// SPDX-License-Identifier: GPL-2.0-only
/*
 * One page that another target has been given back: mapped for the next one, too,
 * write-protected in both. See reshare.c.
 */
#include <linux/highmem.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/rmap.h>
#include <linux/static_call.h>

#include "reshare.h"

static void tracker_no_flush(struct mm_struct *mm, unsigned long start,
			     unsigned long end, unsigned int shift,
			     bool freed_tables)
{
}

/* See symbol.c. */
DEFINE_STATIC_CALL(tracker_flush_tlb, tracker_no_flush);

int tracker_reshare_page_init(void)
{
	void *flush = tracker_symbol_find("flush_tlb_mm_range");

	if (!flush)
		return -ENOENT;
	static_call_update(tracker_flush_tlb, flush);
	return 0;
}

static pgoff_t tracker_index_at(struct vm_area_struct *vma, unsigned long addr)
{
	return vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

struct tracker_share_pte {
	struct page *page;
	struct vm_area_struct *from;
	struct vm_area_struct *to;
	bool is_there;
};

static int tracker_protect_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct tracker_share_pte *share = data;

	share->is_there = pte_present(*pte) &&
			  pte_pfn(*pte) == page_to_pfn(share->page);
	if (share->is_there)
		ptep_set_wrprotect(share->from->vm_mm, addr, pte);
	return 0;
}

static int tracker_share_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct tracker_share_pte *share = data;
	int err;

	if (!pte_none(*pte))
		return -EEXIST;
	err = tracker_dup_anon_rmap(share->page, share->from);
	if (err)
		return err;
	get_page(share->page);
	tracker_count_anon_page(share->to->vm_mm);
	set_pte_at(share->to->vm_mm, addr, pte,
		   pte_wrprotect(mk_pte(share->page, share->to->vm_page_prot)));
	return 0;
}

/* A huge page, or nothing, is where a table of pages was. */
static bool tracker_has_table(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t pmd;

	if (pgd_none(*pgd))
		return false;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d))
		return false;
	pud = pud_offset(p4d, addr);
	if (!pud_present(*pud) || tracker_pud_is_leaf(*pud))
		return false;
	pmd = READ_ONCE(*pmd_offset(pud, addr));
	return pmd_present(pmd) && !tracker_pmd_is_leaf(pmd);
}

static bool tracker_is_equal(struct page *a, struct page *b)
{
	void *x = kmap_local_page(a);
	void *y = kmap_local_page(b);
	bool is_equal = !memcmp(x, y, PAGE_SIZE);

	kunmap_local(y);
	kunmap_local(x);
	return is_equal;
}

/*
 * Whoever has a reference of his own, or another page table, may write on. The
 * caller has one reference. A page not yet on the LRU has one more.
 */
static bool tracker_page_is_used(struct mm_struct *mm, struct page *page)
{
	struct folio *folio = page_folio(page);

	return mm_has_notifiers(mm) ||
	       folio_ref_count(folio) > 1 + tracker_folio_mapcount(folio) +
					folio_test_swapcache(folio) +
					!folio_test_lru(folio);
}

/*
 * Both address spaces are locked, and the page. A page that is locked is not
 * reclaimed or moved, and nothing else can unmap it from the first one.
 */
static int tracker_share_page(struct tracker_back *back,
			      struct tracker_share_pte *share,
			      unsigned long addr)
{
	struct mm_struct *mm = share->from->vm_mm;
	int err;

	if (!PageAnon(back->page) || PageCompound(back->page) ||
	    !tracker_has_table(mm, back->addr) ||
	    !share->from->anon_vma ||
	    tracker_index_at(share->from, back->addr) != back->page->index ||
	    tracker_index_at(share->to, addr) != back->page->index)
		return -EINVAL;
	err = apply_to_existing_page_range(mm, back->addr, PAGE_SIZE,
					   tracker_protect_pte, share);
	if (err || !share->is_there)
		return -EINVAL;
	static_call(tracker_flush_tlb)(mm, back->addr, back->addr + PAGE_SIZE,
				       PAGE_SHIFT, false);
	if (tracker_page_is_used(mm, back->page) ||
	    !tracker_is_equal(back->page, back->donor))
		return -EINVAL;
	raw_write_seqcount_begin(&mm->write_protect_seq);
	err = apply_to_page_range(share->to->vm_mm, addr, PAGE_SIZE,
				  tracker_share_pte, share);
	raw_write_seqcount_end(&mm->write_protect_seq);
	return err;
}

/**
 * tracker_reshare_page - map what a donor has become for another target
 * @reshare: the mapping
 * @donor: the page
 * @addr: its address
 *
 * Return: false where it is to be copied.
 */
bool tracker_reshare_page(struct tracker_reshare *reshare, struct page *donor,
			  unsigned long addr)
{
	struct tracker_share_pte share = {};
	struct tracker_back *back;
	int err = -EINVAL;

	if (!reshare->lineage || !tracker_page_is_donor(donor))
		return false;
	back = tracker_back_of(reshare->session->tree, donor);
	if (!back || back->lineage != reshare->lineage ||
	    back->mm == reshare->mm ||
	    !tracker_lock_both(back->mm, reshare->mm))
		return false;
	share.page = back->page;
	share.from = tracker_vma_at(back->mm, back->addr);
	share.to = tracker_vma_at(reshare->mm, addr);
	if (share.from && share.to) {
		/* No fault may make the page writable again. */
		vma_start_write(share.from);
		vma_start_write(share.to);
		lock_page(back->page);
		err = tracker_share_page(back, &share, addr);
		unlock_page(back->page);
	}
	tracker_unlock_both(back->mm, reshare->mm);
	return !err;
}
