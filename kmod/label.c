// SPDX-License-Identifier: GPL-2.0-only
/*
 * Labels: what a mapping has and vm_mmap() cannot give it, its NUMA policy and
 * its name. They move from the mapping that is replaced to the one that replaces
 * it. What would give up the last reference to either is not exported, so a
 * reference is only dropped where another one is known to exist.
 */
#include <linux/mempolicy.h>
#include <linux/mm_inline.h>
#include <linux/sched/mm.h>

#include "tracker.h"

/**
 * tracker_label_get - take the label of a mapping
 * @label: out
 * @vma: the mapping; the caller holds mmap_lock
 */
void tracker_label_get(struct tracker_label *label, struct vm_area_struct *vma)
{
	label->policy = vma_policy(vma);
	if (label->policy)
		atomic_inc(&label->policy->refcnt);
#ifdef CONFIG_ANON_VMA_NAME
	label->name = vma->anon_name;
	if (label->name)
		kref_get(&label->name->kref);
#else
	label->name = NULL;
#endif
}

/* The mapping that it was taken from still has it. */
void tracker_label_put(struct tracker_label *label)
{
	if (label->policy)
		atomic_dec(&label->policy->refcnt);
	label->policy = NULL;
#ifdef CONFIG_ANON_VMA_NAME
	if (label->name)
		refcount_dec(&label->name->kref.refcount);
#endif
	label->name = NULL;
}

static void tracker_label_set_vma(struct tracker_label *label,
				  struct vm_area_struct *vma)
{
	vma_start_write(vma);
#ifdef CONFIG_NUMA
	if (label->policy && !vma->vm_policy) {
		atomic_inc(&label->policy->refcnt);
		vma->vm_policy = label->policy;
	}
#endif
#ifdef CONFIG_ANON_VMA_NAME
	if (label->name && !vma->anon_name) {
		kref_get(&label->name->kref);
		vma->anon_name = label->name;
	}
#endif
	vm_flags_clear(vma, TRACKER_UNMERGED_FLAG);
}

/**
 * tracker_label_set - give mappings a label
 * @label: the label; its references are given up
 * @mm: a stopped target's
 * @start: first byte of a mapping
 * @end: byte after the last one of that or a later mapping
 *
 * Also ends what TRACKER_UNMERGED_FLAG is for: that the mappings are not merged
 * with others before they have their label.
 */
void tracker_label_set(struct tracker_label *label, struct mm_struct *mm,
		       unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, start);

	mmap_write_lock(mm);
	for_each_vma_range(vmi, vma, end)
		if (vma->vm_start >= start && vma->vm_end <= end)
			tracker_label_set_vma(label, vma);
	mmap_write_unlock(mm);
	tracker_label_put(label);
}
