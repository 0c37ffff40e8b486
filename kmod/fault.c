// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults in mappings of the pseudo-file: the target's, which log writes, and
 * those of forked children, which see their parent's pages as they were.
 */
#include <linux/highmem.h>
#include <linux/pgtable.h>
#include <linux/rmap.h>
#include <linux/shmem_fs.h>

#include "source.h"
#include "tree.h"

/* What shmem itself does; published before the first mapping is. */
static vm_fault_t (*tracker_shmem_fault_op)(struct vm_fault *vmf);

vm_fault_t tracker_shmem_fault(struct vm_fault *vmf)
{
	return tracker_shmem_fault_op(vmf);
}

/**
 * tracker_folio_may_be_pinned - may the kernel write this page without a fault?
 * @folio: locked, in a page cache, with no writable page table entry
 * @own_refs: references that the caller holds
 *
 * folio_maybe_dma_pinned() is not enough: up to 6.4 direct I/O takes plain
 * references, and ptrace always does. So any reference that is not accounted
 * for counts. A page not yet on the LRU has one more, by the per-CPU batch that
 * will put it there. Transient references give a false "yes", which costs one
 * page more in the next round.
 */
bool tracker_folio_may_be_pinned(struct folio *folio, int own_refs)
{
	bool is_on_lru = folio_test_lru(folio);
	int mapcount = tracker_folio_mapcount(folio);
	int expected = own_refs + mapcount + folio_nr_pages(folio) +
		       !!folio_test_private(folio) + !is_on_lru;

	smp_rmb(); /* mapcount before refcount: unmapping lowers them in turn */
	if (folio_ref_count(folio) > expected)
		return true;
	smp_rmb(); /* both were right while the references were counted */
	return tracker_folio_mapcount(folio) != mapcount ||
	       folio_test_lru(folio) != is_on_lru;
}

/* ---- holes -------------------------------------------------------------- */

static bool tracker_is_hole(struct address_space *mapping, pgoff_t pgoff)
{
	return !xa_load(&mapping->i_pages, pgoff);
}

/*
 * Called with the page table locked. Who has made a page since we looked either
 * sees our entry when it maps it, or is seen here.
 */
static int tracker_zero_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct vm_fault *vmf = data;
	struct vm_area_struct *vma = vmf->vma;

	if (pte_none(*pte) &&
	    tracker_is_hole(vma->vm_file->f_mapping, vmf->pgoff) &&
	    !tracker_donor_is_set(tracker_vma_session(vma), vmf->pgoff))
		set_pte_at(vma->vm_mm, addr, pte,
			   pte_mkspecial(pfn_pte(my_zero_pfn(addr),
						 vma->vm_page_prot)));
	return 0;
}

/*
 * Reading a hole maps the page of zeros, as in private memory. vmf_insert_*()
 * refuse that for shared mappings.
 */
static vm_fault_t tracker_map_zero(struct vm_fault *vmf)
{
	int err;

	if (tracker_pmd_is_leaf(READ_ONCE(*vmf->pmd)))
		return VM_FAULT_NOPAGE;
	err = apply_to_page_range(vmf->vma->vm_mm, vmf->address & PAGE_MASK,
				  PAGE_SIZE, tracker_zero_pte, vmf);
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_NOPAGE;
}

/* ---- the target --------------------------------------------------------- */

static vm_fault_t tracker_own_fault(struct tracker_session *session,
				    struct vm_fault *vmf)
{
	struct tracker_source *source =
		tracker_source_lookup(session->family, vmf->pgoff);

	if (source)
		return tracker_source_fault(source, session, vmf);
	if (!(vmf->flags & FAULT_FLAG_WRITE) &&
	    tracker_is_hole(session->inode->i_mapping, vmf->pgoff))
		return tracker_map_zero(vmf);
	return tracker_shmem_fault(vmf);
}

static vm_fault_t tracker_target_fault(struct vm_fault *vmf)
{
	struct tracker_session *session = vmf->vma->vm_file->private_data;
	vm_fault_t ret;

	if (tracker_donor_is_due(session, vmf->pgoff)) {
		ret = tracker_donor_fault(session, vmf);
		if (ret)
			return ret;
	}
	ret = tracker_own_fault(session, vmf);
	/* It has become a donor since we looked: start again. */
	if (ret & VM_FAULT_LOCKED &&
	    tracker_donor_is_set(session, vmf->pgoff)) {
		unlock_page(vmf->page);
		put_page(vmf->page);
		return VM_FAULT_NOPAGE;
	}
	return ret;
}

/*
 * A write to the page of zeros. The page is made before that of zeros is taken
 * away: who first reads and then writes in one instruction, as emulators do,
 * would get the page of zeros again and again.
 */
static vm_fault_t tracker_target_pfn_mkwrite(struct vm_fault *vmf)
{
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	struct page *page = shmem_read_mapping_page_gfp(mapping, vmf->pgoff,
							GFP_HIGHUSER);

	if (IS_ERR(page))
		return vmf_error(PTR_ERR(page));
	put_page(page);
	unmap_mapping_range(mapping, (loff_t)vmf->pgoff << PAGE_SHIFT,
			    PAGE_SIZE, 0);
	return VM_FAULT_NOPAGE;
}

/*
 * A write to a page that is not in the pseudo-file: the copy of a file's page, a
 * donor, or one that was dropped just now. The next fault finds what is right.
 */
static vm_fault_t tracker_target_replace(struct tracker_session *session,
					 pgoff_t pgoff)
{
	struct tracker_source *source =
		tracker_source_lookup(session->family, pgoff);
	int err = 0;

	if (tracker_donor_is_due(session, pgoff))
		err = tracker_donor_fill(session, pgoff);
	if (!err && source)
		err = tracker_source_fill(source, session, pgoff);
	/* Killed: it does not come back to this. */
	return err < 0 && err != -EINTR ? vmf_error(err) : VM_FAULT_NOPAGE;
}

/*
 * Before the first write after a fork, children must have the old content: in
 * the snapshot, and no longer through a page table entry to the live page.
 */
static vm_fault_t tracker_save_for_children(struct tracker_session *session,
					    struct vm_fault *vmf,
					    struct folio *folio)
{
	int own = pte_present(vmf->orig_pte) ? 1 : 0;

	if (tracker_family_save(session->family, folio, vmf->pgoff,
				GFP_KERNEL) < 0)
		return VM_FAULT_OOM;
	/*
	 * Also where it was saved before: a child may have mapped the page in
	 * between. If our own entry goes, the fault starts again without one.
	 */
	if (tracker_folio_mapcount(folio) > own)
		unmap_mapping_range(folio->mapping, folio_pos(folio),
				    folio_size(folio), 0);
	return 0;
}

static vm_fault_t tracker_target_page_mkwrite(struct vm_fault *vmf)
{
	struct tracker_session *session = vmf->vma->vm_file->private_data;
	struct folio *folio = page_folio(vmf->page);
	struct tracker_chunk *chunk;
	vm_fault_t ret;

	chunk = tracker_log_chunk(&session->log, vmf->pgoff);
	folio_lock(folio);
	if (folio->mapping != session->inode->i_mapping ||
	    tracker_donor_is_set(session, vmf->pgoff)) {
		folio_unlock(folio);
		return tracker_target_replace(session, vmf->pgoff);
	}
	if (tracker_family_has_snapshots(session->family)) {
		ret = tracker_save_for_children(session, vmf, folio);
		if (ret) {
			folio_unlock(folio);
			return ret;
		}
	}
	if (chunk)
		tracker_log_set(&session->log, chunk, vmf->pgoff);
	else
		tracker_log_overflow(&session->log);
	folio_mark_dirty(folio);
	/*
	 * The caller unlocks the page after it has made the PTE writable and
	 * dirty. Re-arm takes the lock too, so it either sees that PTE, or runs
	 * before us and our log entry stays.
	 */
	return VM_FAULT_LOCKED;
}

static const struct vm_operations_struct tracker_target_vm_ops = {
	.open = tracker_target_open,
	.fault = tracker_target_fault,
	TRACKER_MAP_PAGES
	.page_mkwrite = tracker_target_page_mkwrite,
	.pfn_mkwrite = tracker_target_pfn_mkwrite,
};

bool tracker_vma_is_target(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &tracker_target_vm_ops;
}

/* A mapping that shmem has just made becomes a target's. */
void tracker_vma_make_target(struct vm_area_struct *vma)
{
	WRITE_ONCE(tracker_shmem_fault_op, vma->vm_ops->fault);
	vma->vm_ops = &tracker_target_vm_ops;
}

/* ---- forked children ---------------------------------------------------- */

static vm_fault_t tracker_child_zero(struct vm_fault *vmf)
{
	vmf->page = alloc_page(GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_ZERO);
	if (!vmf->page)
		return VM_FAULT_OOM;
	__SetPageUptodate(vmf->page);
	return 0;
}

/*
 * What a child sees where its parent has not written since the fork. Without a
 * saved copy the live page is still as it was, and the parent will unmap it from
 * here before it writes.
 */
static vm_fault_t tracker_child_live_fault(struct tracker_snapshot *snapshot,
					   struct vm_fault *vmf)
{
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	struct tracker_source *source =
		tracker_source_lookup(snapshot->family, vmf->pgoff);

	if (source)
		return tracker_source_fault(source, NULL, vmf);
	if (!tracker_is_hole(mapping, vmf->pgoff))
		return tracker_shmem_fault(vmf);
	return tracker_child_zero(vmf);
}

/* Return: a page that does not change, NULL: the live one, or an ERR_PTR. */
static struct page *tracker_child_lookup(struct tracker_snapshot *snapshot,
					 pgoff_t pgoff)
{
	struct page *page = tracker_snapshot_lookup(snapshot, pgoff);

	if (!page && tracker_donor_is_due(snapshot->session, pgoff))
		page = tracker_donor_find(snapshot->session, pgoff);
	return page;
}

static vm_fault_t tracker_child_fault(struct vm_fault *vmf)
{
	struct tracker_snapshot *snapshot = vmf->vma->vm_file->private_data;
	struct page *page = tracker_child_lookup(snapshot, vmf->pgoff);
	vm_fault_t ret;

	if (page == ERR_PTR(-EINTR))
		return VM_FAULT_NOPAGE;
	if (IS_ERR(page))
		return vmf_error(PTR_ERR(page));
	if (page) {
		vmf->page = page;
		return 0;
	}
	ret = tracker_child_live_fault(snapshot, vmf);
	if (ret & ~VM_FAULT_LOCKED & ~VM_FAULT_MAJOR)
		return ret;
	/*
	 * The parent saves a page before it writes or drops it, and writes it
	 * under its lock, which we hold now: look again. The same goes for a page
	 * that has become a donor: start again.
	 */
	page = tracker_snapshot_lookup(snapshot, vmf->pgoff);
	if (!page && !tracker_donor_is_set(snapshot->session, vmf->pgoff))
		return ret;
	if (ret & VM_FAULT_LOCKED)
		unlock_page(vmf->page);
	put_page(vmf->page);
	if (!page)
		return VM_FAULT_NOPAGE;
	vmf->page = page;
	return ret & ~VM_FAULT_LOCKED;
}

static const struct vm_operations_struct tracker_child_vm_ops = {
	.fault = tracker_child_fault,
	TRACKER_MAP_PAGES
};

static vm_fault_t tracker_lost_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

/* A child whose parent was killed in fork(): it never runs. */
static const struct vm_operations_struct tracker_lost_vm_ops = {
	.fault = tracker_lost_fault,
};

bool tracker_vma_is_child(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &tracker_child_vm_ops;
}

void tracker_vma_make_child(struct vm_area_struct *vma, struct file *file)
{
	if (!file) {
		vma->vm_ops = &tracker_lost_vm_ops;
		return;
	}
	vma->vm_file = file;
	vma->vm_ops = &tracker_child_vm_ops;
}
