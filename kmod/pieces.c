// SPDX-License-Identifier: GPL-2.0-only
/* Pieces: which parts of a pseudo-file an address space maps. */
#include <linux/fs.h>
#include <linux/interval_tree_generic.h>
#include <linux/jhash.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "pieces.h"

/* Room for all mappings, and some that are being made. Without memory: false. */
bool tracker_pieces_alloc(struct tracker_pieces *list, struct mm_struct *mm)
{
	*list = (struct tracker_pieces){ .max_pieces = mm->map_count + 16 };
	list->pieces = kvmalloc_array(list->max_pieces, sizeof(*list->pieces),
				      GFP_KERNEL);
	return list->pieces;
}

/* Caller holds mmap_lock. */
void tracker_pieces_collect(struct tracker_pieces *list,
			    struct tracker_session *session,
			    struct mm_struct *mm, tracker_piece_filter_t filter)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	for_each_vma(vmi, vma) {
		pgoff_t start = vma->vm_pgoff;

		if (!filter(session, vma))
			continue;
		if (list->nr_pieces < list->max_pieces)
			list->pieces[list->nr_pieces] = (struct tracker_piece){
				start, start + vma_pages(vma)
			};
		list->nr_pieces++;
		list->hash = jhash_3words(start, start >> 32, vma_pages(vma),
					  list->hash);
	}
}

static int tracker_piece_cmp(const void *a, const void *b)
{
	const struct tracker_piece *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void tracker_pieces_sort(struct tracker_pieces *list)
{
	sort(list->pieces, list->nr_pieces, sizeof(*list->pieces),
	     tracker_piece_cmp, NULL);
}

/* Is a page mapped twice? The list is sorted. */
bool tracker_pieces_overlap(const struct tracker_pieces *list)
{
	u32 i;

	for (i = 1; i < list->nr_pieces; i++)
		if (list->pieces[i].start < list->pieces[i - 1].end)
			return true;
	return false;
}

/* ---- by the file -------------------------------------------------------- */

static inline unsigned long tracker_vma_first(struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

static inline unsigned long tracker_vma_last(struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

/* How mm/interval_tree.c, which exports nothing, finds a file's mappings. */
INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long,
		     shared.rb_subtree_last, tracker_vma_first,
		     tracker_vma_last, static inline, tracker_vma_tree)

/**
 * tracker_file_is_mapped - does a mapping show some pages of a file?
 * @file: the file, as the mapping has it
 * @mm: whose mapping; the caller holds its mmap_lock
 * @except: a mapping that does not count
 * @start: first page
 * @end: page after the last one
 *
 * Looks at mappings that show one of these pages, whosever they are, and at no
 * others.
 */
bool tracker_file_is_mapped(struct file *file, struct mm_struct *mm,
			    struct vm_area_struct *except, pgoff_t start,
			    pgoff_t end)
{
	struct address_space *mapping = file->f_mapping;
	struct vm_area_struct *vma;

	i_mmap_lock_read(mapping);
	vma = tracker_vma_tree_iter_first(&mapping->i_mmap, start, end - 1);
	while (vma && (vma->vm_mm != mm || vma->vm_file != file || vma == except))
		vma = tracker_vma_tree_iter_next(vma, start, end - 1);
	i_mmap_unlock_read(mapping);
	return vma;
}
