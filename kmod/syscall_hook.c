// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks on the system calls after which shared file memory behaves unlike the
 * anonymous memory it stands for. A kprobe notes the arguments at the entry; a
 * task work does the rest in the caller's context, after the call and before
 * user space sees its result. A kretprobe would not do: it may not sleep, and
 * it misses calls when its instances run out.
 */
#include <linux/kprobes.h>
#include <linux/mempool.h>
#include <linux/mman.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <asm/syscall.h>

#include "tracker.h"

/* Enough that GFP_ATOMIC never has to fail a call in practice. */
#define TRACKER_CALL_RESERVE	256

struct tracker_call {
	struct callback_head work;
	unsigned long start;
	unsigned long end;
};

static struct kmem_cache *tracker_call_cache;
static mempool_t *tracker_call_pool;
/* Calls whose work has not run: module code that must not go away. */
static atomic_t tracker_nr_calls = ATOMIC_INIT(0);

static void tracker_call_free(struct tracker_call *call)
{
	mempool_free(call, tracker_call_pool);
	atomic_dec(&tracker_nr_calls);
}

static bool tracker_call_queue(unsigned long start, unsigned long end,
			       task_work_func_t func)
{
	struct tracker_call *call = mempool_alloc(tracker_call_pool, GFP_ATOMIC);

	if (!call)
		return false;
	call->start = start;
	call->end = end;
	init_task_work(&call->work, func);
	atomic_inc(&tracker_nr_calls);
	/* -ESRCH: the caller is past the point where it can come back. */
	if (task_work_add(current, &call->work, TWA_RESUME))
		tracker_call_free(call);
	return true;
}

static void tracker_after_dontneed(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);

	if (current->mm)
		tracker_discard_range(current->mm, call->start, call->end);
	tracker_call_free(call);
}

/*
 * On a file mapping MADV_FREE fails with EINVAL. Dropping nothing at all is
 * within its contract, so the call succeeds instead.
 */
static void tracker_after_free(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);
	struct pt_regs *regs = task_pt_regs(current);

	if (current->mm && syscall_get_nr(current, regs) == __NR_madvise &&
	    regs->ax == -EINVAL &&
	    tracker_range_is_ours(current->mm, call->start, call->end))
		regs->ax = 0;
	tracker_call_free(call);
}

/* int do_madvise(struct mm_struct *, unsigned long start, size_t, int) */
static int tracker_madvise_entry(struct kprobe *probe, struct pt_regs *regs)
{
	struct mm_struct *mm = (struct mm_struct *)regs->di;
	unsigned long start = untagged_addr(regs->si);
	unsigned long end = start + PAGE_ALIGN(regs->dx);
	int behavior = regs->cx;
	task_work_func_t func;

	if (!tracker_is_active() || !mm || mm != current->mm || end <= start)
		return 0;
	if (behavior == MADV_DONTNEED || behavior == MADV_DONTNEED_LOCKED)
		func = tracker_after_dontneed;
	else if (behavior == MADV_FREE)
		func = tracker_after_free;
	else
		return 0;
	/* Without a note the call must not happen: it fails with EINVAL. */
	if (!tracker_call_queue(start, end, func))
		regs->cx = -1;
	return 0;
}

/* @start is the old length, @end the new one; the address is the result. */
static void tracker_after_mremap(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);
	unsigned long addr = task_pt_regs(current)->ax;

	if (current->mm && !IS_ERR_VALUE(addr))
		tracker_discard_range(current->mm, addr + call->start,
				      addr + call->end);
	tracker_call_free(call);
}

/* mremap(addr, old_len, new_len, flags, new_addr) */
static int tracker_mremap_entry(struct kprobe *probe, struct pt_regs *regs)
{
	struct pt_regs *user_regs = (struct pt_regs *)regs->di;
	unsigned long old_len = PAGE_ALIGN(user_regs->si);
	unsigned long new_len = PAGE_ALIGN(user_regs->dx);

	if (!tracker_is_active() || new_len <= old_len || !old_len)
		return 0;
	if (!tracker_call_queue(old_len, new_len, tracker_after_mremap))
		user_regs->dx = 0;	/* EINVAL */
	return 0;
}

static struct kprobe tracker_probes[] = {
	{ .symbol_name = "do_madvise", .pre_handler = tracker_madvise_entry },
	{ .symbol_name = "__x64_sys_mremap", .pre_handler = tracker_mremap_entry },
};

int tracker_hooks_register(void)
{
	int err = -ENOMEM;
	int i;

	tracker_call_cache = KMEM_CACHE(tracker_call, 0);
	if (!tracker_call_cache)
		return -ENOMEM;
	tracker_call_pool = mempool_create_slab_pool(TRACKER_CALL_RESERVE,
						     tracker_call_cache);
	if (!tracker_call_pool)
		goto err_destroy_cache;
	for (i = 0; i < ARRAY_SIZE(tracker_probes); i++) {
		err = register_kprobe(&tracker_probes[i]);
		if (err) {
			pr_err("tracker: cannot probe %s: %d\n",
			       tracker_probes[i].symbol_name, err);
			goto err_unregister;
		}
	}
	return 0;

err_unregister:
	while (i--)
		unregister_kprobe(&tracker_probes[i]);
	mempool_destroy(tracker_call_pool);
err_destroy_cache:
	kmem_cache_destroy(tracker_call_cache);
	return err;
}

/* No pseudo-file is left, or the module would be in use. */
void tracker_hooks_unregister(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tracker_probes); i++)
		unregister_kprobe(&tracker_probes[i]);
	/* A caller may sit in its madvise() still; its note is short-lived. */
	while (atomic_read(&tracker_nr_calls))
		schedule_timeout_uninterruptible(1);
	/* ... and in the last instructions of the note's function. */
	synchronize_rcu_tasks();
	mempool_destroy(tracker_call_pool);
	kmem_cache_destroy(tracker_call_cache);
}
