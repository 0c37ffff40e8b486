// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies of the pages of a file behind a private mapping: what the target reads
 * where it has not written. See source.c.
 */
#include <linux/highmem.h>
#include <linux/magic.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>

#include "source.h"

#define TRACKER_COPY_TRIES	16

/* ---- the file's pages --------------------------------------------------- */

/* Return: NULL for a hole, which stays one. */
static struct page *tracker_source_read_shmem(struct address_space *mapping,
					      pgoff_t index)
{
	if (!xa_load(&mapping->i_pages, index))
		return NULL;
	return shmem_read_mapping_page_gfp(mapping, index,
					   mapping_gfp_mask(mapping));
}

static struct page *tracker_source_read(struct tracker_source *source,
					pgoff_t pgoff)
{
	struct address_space *mapping = source->file->f_mapping;
	pgoff_t index = tracker_source_index(source, pgoff);
	struct folio *folio;
	struct page *page;

	if (mapping->host->i_sb->s_magic == TMPFS_MAGIC)
		return tracker_source_read_shmem(mapping, index);
	folio = tracker_filemap_get(mapping, index);
	if (folio)
		folio_put(folio);
	else
		page_cache_sync_readahead(mapping, &source->file->f_ra,
					  source->file, index, 1);
	/* As in filemap_fault(): a hole is not to be punched meanwhile. */
	filemap_invalidate_lock_shared(mapping);
	page = read_mapping_page(mapping, index, source->file);
	filemap_invalidate_unlock_shared(mapping);
	return page;
}

/* Return: a page of our own with the file's content, or an ERR_PTR. */
struct page *tracker_source_copy(struct tracker_source *source, pgoff_t pgoff)
{
	struct page *from = tracker_source_read(source, pgoff);
	struct page *to;

	if (IS_ERR(from))
		return from;
	to = alloc_page(GFP_HIGHUSER | __GFP_ACCOUNT |
			(from ? 0 : __GFP_ZERO));
	if (to && from)
		copy_highpage(to, from);
	if (from)
		put_page(from);
	if (!to)
		return ERR_PTR(-ENOMEM);
	__SetPageUptodate(to);
	return to;
}

/* ---- copies ------------------------------------------------------------- */

struct page *tracker_copy_get(struct tracker_source *source, pgoff_t pgoff)
{
	struct page *page;

	xa_lock(&source->copies);
	page = xa_load(&source->copies, pgoff - source->base);
	if (page)
		get_page(page);
	xa_unlock(&source->copies);
	return page;
}

/*
 * Makes a copy that others find, unless the file has changed meanwhile.
 * Return: the copy with a reference for the caller, NULL to try again, or an
 * ERR_PTR.
 */
static struct page *tracker_copy_create(struct tracker_source *source,
					pgoff_t pgoff)
{
	int generation = atomic_read(&source->generation);
	pgoff_t slot = pgoff - source->base;
	struct page *page;
	bool fresh;

	if (xa_reserve(&source->copies, slot, GFP_KERNEL))
		return ERR_PTR(-ENOMEM);
	page = tracker_source_copy(source, pgoff);
	if (IS_ERR(page)) {
		xa_release(&source->copies, slot);
		return page;
	}
	xa_lock(&source->copies);
	fresh = atomic_read(&source->generation) == generation;
	if (fresh) {
		get_page(page);
		__xa_store(&source->copies, slot, page, GFP_ATOMIC);
	}
	xa_unlock(&source->copies);
	if (fresh)
		return page;
	xa_release(&source->copies, slot);
	put_page(page);
	return NULL;
}

/*
 * Forgets a copy and takes it out of every page table. Who maps a copy holds
 * its lock and has found it here, so that it is either mapped by now or not
 * going to be.
 */
void tracker_copy_drop(struct tracker_source *source, pgoff_t pgoff)
{
	struct page *page = xa_erase(&source->copies, pgoff - source->base);

	if (!page)
		return;
	lock_page(page);
	unlock_page(page);
	unmap_mapping_range(source->pseudo, (loff_t)pgoff << PAGE_SHIFT,
			    PAGE_SIZE, 0);
	put_page(page);
}

void tracker_copies_drop(struct tracker_source *source)
{
	unsigned long slot;
	struct page *page;

	xa_for_each(&source->copies, slot, page) {
		tracker_copy_drop(source, source->base + slot);
		cond_resched();
	}
}

/*
 * Who writes to the file all the time may make this wait for its turn. Caller
 * holds fill_lock.
 */
vm_fault_t tracker_copy_fault(struct tracker_source *source,
			      struct vm_fault *vmf)
{
	struct page *page;
	int tries;

	for (tries = 0; tries < TRACKER_COPY_TRIES; tries++) {
		page = tracker_copy_get(source, vmf->pgoff);
		if (!page)
			page = tracker_copy_create(source, vmf->pgoff);
		if (IS_ERR(page))
			return vmf_error(PTR_ERR(page));
		if (!page)
			continue;
		lock_page(page);
		if (xa_load(&source->copies, vmf->pgoff - source->base) == page) {
			vmf->page = page;
			return VM_FAULT_LOCKED;
		}
		unlock_page(page);
		put_page(page);
	}
	return VM_FAULT_NOPAGE;
}
