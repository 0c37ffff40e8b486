// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sharing again: when several targets of a tree are put back, a page that was a
 * donor for them becomes one anonymous page, copied at the first write, as fork()
 * had left it. The first target that is put back gets the page; the next ones map
 * it, too, after their mapping has been made a relative of the first one's, which
 * is what fork() does with a child's.
 *
 * Nothing relies on the targets standing: before a page is shared it is
 * write-protected where it is, and compared with the donor.
 */
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/static_call.h>

#include "reshare.h"

static int tracker_no_fork(struct vm_area_struct *vma,
			   struct vm_area_struct *parent)
{
	return -EOPNOTSUPP;
}

/* See symbol.c. */
DEFINE_STATIC_CALL(tracker_anon_vma_fork, tracker_no_fork);

int tracker_reshare_init(void)
{
	void *fork = tracker_symbol_find("anon_vma_fork");

	if (!fork)
		return -ENOENT;
	static_call_update(tracker_anon_vma_fork, fork);
	return tracker_reshare_page_init();
}

/* ---- two address spaces ------------------------------------------------- */

/* Return: false if the first is gone. */
bool tracker_lock_both(struct mm_struct *from, struct mm_struct *to)
{
	if (!mmget_not_zero(from))
		return false;
	mmap_write_lock(from);
	mmap_write_lock_nested(to, SINGLE_DEPTH_NESTING);
	return true;
}

void tracker_unlock_both(struct mm_struct *from, struct mm_struct *to)
{
	mmap_write_unlock(to);
	mmap_write_unlock(from);
	mmput_async(from);
}

struct vm_area_struct *tracker_vma_at(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	return vma && vma->vm_start <= addr ? vma : NULL;
}

/* ---- lineages ----------------------------------------------------------- */

static struct tracker_lineage *tracker_lineage_create(struct tracker_tree *tree,
						      struct mm_struct *mm,
						      unsigned long addr,
						      struct anon_vma *anon_vma)
{
	struct tracker_lineage *lineage = kmalloc(sizeof(*lineage), GFP_KERNEL);

	if (!lineage)
		return NULL;
	mmgrab(mm);
	lineage->mm = mm;
	lineage->addr = addr;
	lineage->anon_vma = anon_vma;
	list_add(&lineage->node, &tree->lineages);
	return lineage;
}

/*
 * Both mappings are locked. Pages are found by their index: a mapping that is at
 * another address than its relative has to count from another number, which only
 * anonymous memory can.
 */
static int tracker_lineage_join(struct tracker_lineage *lineage,
				struct vm_area_struct *first,
				struct vm_area_struct *vma, pgoff_t pgoff)
{
	if (!first || first->anon_vma != lineage->anon_vma || vma->anon_vma ||
	    vma->vm_flags & VM_LOCKED)
		return -EINVAL;
	if (vma->vm_pgoff != pgoff && vma->vm_file)
		return -EINVAL;
	vma_start_write(first);
	vma_start_write(vma);
	vma->vm_pgoff = pgoff;
	return static_call(tracker_anon_vma_fork)(vma, first);
}

struct tracker_back *tracker_back_of(struct tracker_tree *tree,
				     struct page *donor)
{
	return xa_load(&tree->backs, page_to_pfn(donor));
}

/* Donors have a number and are in no page cache. */
bool tracker_page_is_donor(struct page *page)
{
	return !page->mapping && page_private(page);
}

/* The first page of a mapping that another target has been given back. */
static struct tracker_back *
tracker_reshare_find(const struct tracker_reshare *reshare, pgoff_t *at)
{
	struct tracker_session *session = reshare->session;
	struct tracker_back *back = NULL;
	pgoff_t end = reshare->pgoff +
		      ((reshare->end - reshare->start) >> PAGE_SHIFT);
	struct page *page;

	for (*at = reshare->pgoff; !back; ++*at) {
		*at = tracker_page_next(session, *at, end);
		if (*at == end)
			return NULL;
		page = tracker_page_get(session, *at);
		if (IS_ERR(page))
			return NULL;
		if (tracker_page_is_donor(page))
			back = tracker_back_of(session->tree, page);
		put_page(page);
		cond_resched();
	}
	--*at;
	return back;
}

/**
 * tracker_reshare_begin - a mapping is about to get its pages back
 * @reshare: the mapping, which is new and has none yet
 *
 * Where that does not work out, its pages will be copies.
 */
void tracker_reshare_begin(struct tracker_reshare *reshare)
{
	struct tracker_back *back;
	struct tracker_lineage *lineage;
	struct vm_area_struct *vma;
	pgoff_t at;

	reshare->lineage = NULL;
	if (!READ_ONCE(reshare->session->is_related))
		return;
	back = tracker_reshare_find(reshare, &at);
	if (!back || back->lineage->mm == reshare->mm ||
	    at - reshare->pgoff > back->page->index ||
	    !tracker_lock_both(back->lineage->mm, reshare->mm))
		return;
	lineage = back->lineage;
	vma = tracker_vma_at(reshare->mm, reshare->start);
	if (vma && vma->vm_start == reshare->start &&
	    vma->vm_end == reshare->end && PageAnon(back->page) &&
	    !tracker_lineage_join(lineage,
				  tracker_vma_at(lineage->mm, lineage->addr),
				  vma,
				  back->page->index - (at - reshare->pgoff)))
		reshare->lineage = lineage;
	tracker_unlock_both(lineage->mm, reshare->mm);
}

/* The page is to be found by all of the lineage. Return: false if it cannot. */
static bool tracker_reshare_settle(struct tracker_reshare *reshare,
				   struct page *page, unsigned long addr)
{
	struct tracker_tree *tree = reshare->session->tree;
	struct vm_area_struct *vma;
	bool is_settled = false;

	mmap_read_lock(reshare->mm);
	vma = tracker_vma_at(reshare->mm, addr);
	if (vma && vma->anon_vma && !reshare->lineage)
		reshare->lineage = tracker_lineage_create(tree, reshare->mm,
							  addr, vma->anon_vma);
	lock_page(page);
	if (vma && reshare->lineage && PageAnon(page) && !PageCompound(page) &&
	    page->mapping == (void *)vma->anon_vma + PAGE_MAPPING_ANON) {
		WRITE_ONCE(page->mapping, (void *)reshare->lineage->anon_vma +
						  PAGE_MAPPING_ANON);
		is_settled = true;
	}
	unlock_page(page);
	mmap_read_unlock(reshare->mm);
	return is_settled;
}

/**
 * tracker_reshare_add - a donor has become an anonymous page
 * @reshare: the mapping
 * @donor: the donor
 * @page: the page, mapped at
 * @addr: this address
 */
void tracker_reshare_add(struct tracker_reshare *reshare, struct page *donor,
			 struct page *page, unsigned long addr)
{
	struct tracker_tree *tree = reshare->session->tree;
	struct tracker_back *back;

	if (!tracker_page_is_donor(donor) || tracker_back_of(tree, donor) ||
	    !tracker_reshare_settle(reshare, page, addr))
		return;
	back = kmalloc(sizeof(*back), GFP_KERNEL);
	if (!back)
		return;
	if (xa_is_err(xa_store(&tree->backs, page_to_pfn(donor), back,
			       GFP_KERNEL))) {
		kfree(back);
		return;
	}
	get_page(donor);
	get_page(page);
	mmgrab(reshare->mm);
	*back = (struct tracker_back){ donor, page, reshare->lineage,
				       reshare->mm, addr };
}

/* The targets that were to be put back together are. */
void tracker_reshare_end(struct tracker_tree *tree)
{
	struct tracker_lineage *lineage, *next;
	struct tracker_back *back;
	unsigned long pfn;

	mutex_lock(&tree->revert_lock);
	xa_for_each(&tree->backs, pfn, back) {
		xa_erase(&tree->backs, pfn);
		put_page(back->donor);
		put_page(back->page);
		mmdrop(back->mm);
		kfree(back);
		cond_resched();
	}
	list_for_each_entry_safe(lineage, next, &tree->lineages, node) {
		list_del(&lineage->node);
		mmdrop(lineage->mm);
		kfree(lineage);
	}
	mutex_unlock(&tree->revert_lock);
}
