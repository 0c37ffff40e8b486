// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping anew what is mapped: as an untouched private mapping, or as the same
 * pages with another flag.
 */
#include <linux/file.h>
#include <linux/mman.h>

#include "source.h"

/* Return: false if there is none. The file behind the piece is counted. */
static bool tracker_private_find(struct mm_struct *mm, unsigned long start,
				 unsigned long end, bool only_child,
				 struct tracker_map *map)
{
	struct tracker_source *source;
	struct vm_area_struct *vma;
	bool found = false;
	pgoff_t pgoff;
	VMA_ITERATOR(vmi, mm, start);

	mmap_read_lock(mm);
	for_each_vma_range(vmi, vma, end) {
		if (!tracker_vma_is_child(vma) &&
		    (only_child || !tracker_vma_is_target(vma)))
			continue;
		*map = (struct tracker_map){
			.start = max(vma->vm_start, start),
			.end = min(vma->vm_end, end),
			.prot = tracker_vma_prot(vma),
			.flags = MAP_PRIVATE |
				 (vma->vm_flags & VM_LOCKED ? MAP_LOCKED : 0),
		};
		pgoff = vma->vm_pgoff +
			((map->start - vma->vm_start) >> PAGE_SHIFT);
		source = tracker_source_lookup(tracker_vma_family(vma), pgoff);
		if (source) {
			map->file = get_file(source->file);
			map->offset = (loff_t)(source->index +
					       (pgoff - source->base))
				      << PAGE_SHIFT;
		}
		found = true;
		break;
	}
	mmap_read_unlock(mm);
	return found;
}

static int tracker_private_pieces(struct mm_struct *mm, unsigned long start,
				  unsigned long end, bool only_child)
{
	struct tracker_map map;
	int err = 0;

	while (!err && tracker_private_find(mm, start, end, only_child, &map)) {
		start = map.end;
		err = tracker_map_over(&map);
		if (map.file)
			fput(map.file);
	}
	return err;
}

/**
 * tracker_make_private - put what was swapped over mappings of ours, untouched
 * @mm: current->mm
 * @start: first byte
 * @end: byte after the last one
 *
 * Anonymous memory reads as zeros then, and a file's mapping as the file. The
 * next round finds and swaps it, in a target. In a child, where the page behind
 * a dropped private copy is the parent's, it is what a child should have.
 *
 * Return: 0 or -errno.
 */
int tracker_make_private(struct mm_struct *mm, unsigned long start,
			 unsigned long end)
{
	return tracker_private_pieces(mm, start, end, false);
}

/* The same, only where the mapping is a forked child's. */
int tracker_make_child_private(struct mm_struct *mm, unsigned long start,
			       unsigned long end)
{
	return tracker_private_pieces(mm, start, end, true);
}

/*
 * What is next in a range: a mapping of ours (then *map says how to map it anew)
 * or an anonymous one. Return: -ENOMEM at the end, -EINVAL for any other.
 */
static int tracker_wipe_find(struct mm_struct *mm, unsigned long start,
			     unsigned long end, struct tracker_map *map)
{
	struct vm_area_struct *vma;
	vm_flags_t extra;
	int err = 0;

	mmap_read_lock(mm);
	vma = find_vma(mm, start);
	if (!vma || vma->vm_start >= end) {
		err = -ENOMEM;
		goto out;
	}
	*map = (struct tracker_map){
		.start = max(vma->vm_start, start),
		.end = min(vma->vm_end, end),
		.prot = tracker_vma_prot(vma),
		.flags = MAP_SHARED,
	};
	if (vma_is_anonymous(vma) && !vma->vm_file)
		goto out;
	err = -EINVAL;
	if (!tracker_vma_is_anon_private(vma))
		goto out;
	map->offset = ((loff_t)vma->vm_pgoff << PAGE_SHIFT) +
		      (map->start - vma->vm_start);
	extra = tracker_vma_extra(vma) | VM_WIPEONFORK;
	map->file = tracker_pseudo_create_reflag(vma->vm_file, extra);
	err = PTR_ERR_OR_ZERO(map->file);
out:
	mmap_read_unlock(mm);
	return err;
}

/**
 * tracker_wipe_on_fork - madvise(MADV_WIPEONFORK) where mappings are ours
 * @mm: current->mm
 * @start: first byte
 * @end: byte after the last one
 *
 * The same pages of the pseudo-file are mapped anew, with the flag: the kernel
 * does that under one lock, and the pages stay in the page cache.
 *
 * Return: as madvise().
 */
int tracker_wipe_on_fork(struct mm_struct *mm, unsigned long start,
			 unsigned long end)
{
	struct tracker_map map;
	bool has_gap = false;
	int err = 0;

	while (!err && start < end) {
		err = tracker_wipe_find(mm, start, end, &map);
		if (err)
			return err;
		has_gap |= map.start > start;
		start = map.end;
		if (map.file) {
			err = tracker_map_over(&map);
			fput(map.file);
		} else {
			err = tracker_madvise(mm, map.start,
					      map.end - map.start,
					      MADV_WIPEONFORK);
		}
	}
	return err ? err : has_gap ? -ENOMEM : 0;
}
