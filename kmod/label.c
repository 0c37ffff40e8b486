// SPDX-License-Identifier: GPL-2.0-only
/*
 * Labels: what a mapping has and vm_mmap() cannot give it, its NUMA policy and
 * its name. They go from the mapping that is replaced to the one that replaces
 * it; names of tracked mappings stay with the region, for only anonymous ones
 * can have one. What frees a policy is not exported, so a reference to one is
 * only dropped where another is known to exist.
 */
#include <linux/mempolicy.h>
#include <linux/mm_inline.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "tracker.h"

struct anon_vma_name *tracker_name_get(struct anon_vma_name *name)
{
	if (name)
		kref_get(&name->kref);
	return name;
}

static void tracker_name_release(struct kref *kref)
{
	kfree(container_of(kref, struct anon_vma_name, kref));
}

void tracker_name_put(struct anon_vma_name *name)
{
	if (name)
		kref_put(&name->kref, tracker_name_release);
}

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
	label->read_flags = vma->vm_flags & TRACKER_UNMERGED_FLAGS;
	label->name = NULL;
#ifdef CONFIG_ANON_VMA_NAME
	if (!vma->vm_file)
		label->name = tracker_name_get(vma->anon_name);
#endif
}

/* Whatever it was taken from or given to still has the policy. */
void tracker_label_put(struct tracker_label *label)
{
	if (label->policy)
		atomic_dec(&label->policy->refcnt);
	label->policy = NULL;
	tracker_name_put(label->name);
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
	if (!vma->vm_file && !vma->anon_name)
		vma->anon_name = tracker_name_get(label->name);
#endif
	if ((vma->vm_flags & TRACKER_UNMERGED_FLAGS) == TRACKER_UNMERGED_FLAGS) {
		vm_flags_clear(vma, TRACKER_UNMERGED_FLAGS);
		vm_flags_set(vma, label->read_flags);
	}
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
