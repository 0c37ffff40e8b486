// SPDX-License-Identifier: GPL-2.0-only
/* Mapping something over a part of an address space. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "tracker.h"

#define TRACKER_MAP_TRIES	100

struct tracker_mm_work {
	struct work_struct work;
	struct mm_struct *mm;
	int (*fn)(void *data);
	void *data;
	int ret;
};

static void tracker_mm_work_run(struct work_struct *work)
{
	struct tracker_mm_work *mm_work =
		container_of(work, struct tracker_mm_work, work);

	kthread_use_mm(mm_work->mm);
	mm_work->ret = mm_work->fn(mm_work->data);
	kthread_unuse_mm(mm_work->mm);
}

/* vm_mmap() works on current->mm, which only a kernel thread may choose. */
int tracker_run_in_mm(struct mm_struct *mm, int (*fn)(void *), void *data)
{
	struct tracker_mm_work mm_work = { .mm = mm, .fn = fn, .data = data };

	INIT_WORK_ONSTACK(&mm_work.work, tracker_mm_work_run);
	queue_work(system_unbound_wq, &mm_work.work);
	flush_work(&mm_work.work);
	destroy_work_on_stack(&mm_work.work);
	return mm_work.ret;
}

static bool tracker_is_mapped(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	bool mapped;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	mapped = vma && vma->vm_start <= addr;
	mmap_read_unlock(mm);
	return mapped;
}

static vm_flags_t tracker_set_def_flags(struct mm_struct *mm, vm_flags_t flags)
{
	vm_flags_t old;

	mmap_write_lock(mm);
	old = mm->def_flags;
	mm->def_flags = flags;
	mmap_write_unlock(mm);
	return old;
}

/*
 * The flags that vm_mmap() has no argument for come from def_flags, which new
 * mappings get. In a target that stands, nobody else makes one.
 */
static unsigned long tracker_mmap(struct tracker_map *map)
{
	bool is_stopped = current->flags & PF_KTHREAD;
	vm_flags_t old = 0;
	unsigned long addr;

	if (is_stopped)
		old = tracker_set_def_flags(current->mm, map->extra);
	addr = vm_mmap(map->file, map->start, map->end - map->start, map->prot,
		       map->flags | MAP_FIXED, map->offset);
	if (is_stopped)
		tracker_set_def_flags(current->mm, old);
	return addr;
}

/**
 * tracker_map_over - replace what is mapped in a range of current->mm
 * @map: what to map there
 *
 * The content is safe elsewhere. mmap_region() may unmap the old mapping and
 * then run out of memory for the new one. With a file this tries until it
 * succeeds: the allocations are small. Private memory is also subject to the
 * overcommit policy, so that it is asked for without a reserve the next time;
 * only vm.overcommit_memory=2 can refuse that as well.
 *
 * Return: 0, or -errno: of a shared mapping, the old one is in place, unless the
 * caller has been killed; else there may be none.
 */
int tracker_map_over(struct tracker_map *map)
{
	bool is_shared = map->flags & MAP_SHARED;
	unsigned long addr;
	int tries;

	for (tries = 0; is_shared || tries < TRACKER_MAP_TRIES; tries++) {
		addr = tracker_mmap(map);
		if (addr == map->start)
			return 0;
		if (tracker_is_mapped(current->mm, map->start))
			return IS_ERR_VALUE(addr) ? (int)addr : -EINVAL;
		if (!is_shared)
			map->flags |= MAP_NORESERVE;
		msleep(1);
		/* Of a call of its own: the target has no more need of it. */
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return -ENOMEM;
}
