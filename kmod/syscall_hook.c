// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks on the system calls after which shared file memory behaves unlike the
 * anonymous memory it stands for. An ftrace callback notes the arguments at the
 * entry; a task work does the rest in the caller's context, after the call and
 * before user space sees its result. A kretprobe would not do: it may not sleep,
 * and it misses calls when its instances run out. FTRACE_OPS_FL_PERMANENT keeps
 * the sysctl kernel.ftrace_enabled from taking the hooks away.
 */
#include <linux/mempool.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <asm/syscall.h>

#include "hook.h"
#include "share.h"

/* Enough that GFP_ATOMIC never has to fail a call in practice. */
#define TRACKER_CALL_RESERVE	256

static struct kmem_cache *tracker_call_cache;
static mempool_t *tracker_call_pool;
/* Calls whose work has not run: module code that must not go away. */
static atomic_t tracker_nr_calls = ATOMIC_INIT(0);

void tracker_call_free(struct tracker_call *call)
{
	mempool_free(call, tracker_call_pool);
	atomic_dec(&tracker_nr_calls);
}

/* Return: false if there was no memory to note the call. */
bool tracker_call_queue(const struct tracker_call *args, task_work_func_t func)
{
	struct tracker_call *call = mempool_alloc(tracker_call_pool, GFP_ATOMIC);

	if (!call)
		return false;
	*call = *args;
	init_task_work(&call->work, func);
	atomic_inc(&tracker_nr_calls);
	/* -ESRCH: the caller is past the point where it can come back. */
	if (task_work_add(current, &call->work, TWA_RESUME))
		tracker_call_free(call);
	return true;
}

/* ---- madvise ------------------------------------------------------------ */

static void tracker_after_dontneed(struct tracker_call *call,
				   struct pt_regs *regs)
{
	vm_flags_t forbidden = VM_PFNMAP | VM_HUGETLB;

	/* As in madvise_dontneed_free_valid_vma(). */
	if (call->flags == MADV_DONTNEED)
		forbidden |= VM_LOCKED;
	if (tracker_discard_range(current->mm, call->addr,
				  call->addr + call->old_len, forbidden) &&
	    syscall_get_nr(current, regs) == __NR_madvise)
		regs->ax = -ENOMEM;
}

/*
 * On a file mapping MADV_FREE fails with EINVAL. Dropping nothing at all is
 * within its contract, so the call succeeds instead.
 */
static void tracker_after_free(struct tracker_call *call, struct pt_regs *regs)
{
	if (syscall_get_nr(current, regs) == __NR_madvise &&
	    regs->ax == -EINVAL &&
	    tracker_range_was_anon(current->mm, call->addr,
				   call->addr + call->old_len))
		regs->ax = 0;
}

/* On a file mapping MADV_WIPEONFORK fails with EINVAL, too. */
static void tracker_after_wipeonfork(struct tracker_call *call,
				     struct pt_regs *regs)
{
	if (syscall_get_nr(current, regs) == __NR_madvise &&
	    regs->ax == -EINVAL)
		regs->ax = tracker_wipe_on_fork(current->mm, call->addr,
						call->addr + call->old_len);
}

static void tracker_after_madvise(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);

	if (current->mm && call->flags == MADV_FREE)
		tracker_after_free(call, task_pt_regs(current));
	else if (current->mm && call->flags == MADV_WIPEONFORK)
		tracker_after_wipeonfork(call, task_pt_regs(current));
	else if (current->mm)
		tracker_after_dontneed(call, task_pt_regs(current));
	tracker_call_free(call);
}

/* int do_madvise(struct mm_struct *, unsigned long start, size_t, int) */
static void notrace tracker_madvise_entry(unsigned long ip,
					  unsigned long parent_ip,
					  struct ftrace_ops *ops,
					  struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct tracker_call call = {
		.addr = untagged_addr(regs->si),
		.old_len = PAGE_ALIGN(regs->dx),
		.flags = (int)regs->cx,
	};

	if (!tracker_is_active() || !current->mm ||
	    regs->di != (unsigned long)current->mm ||
	    within_module(parent_ip, THIS_MODULE))
		return;
	if (call.flags != MADV_DONTNEED && call.flags != MADV_DONTNEED_LOCKED &&
	    call.flags != MADV_FREE && call.flags != MADV_WIPEONFORK)
		return;
	/* Calls that fail or do nothing, as do_madvise() itself decides. */
	if (!PAGE_ALIGNED(call.addr) || call.addr + call.old_len <= call.addr)
		return;
	/* Without a note the call must not happen: it fails with EINVAL. */
	if (!tracker_call_queue(&call, tracker_after_madvise))
		regs->cx = -1;
}

static int tracker_no_madvise(struct mm_struct *mm, unsigned long start,
			      size_t len, int behavior)
{
	return -EOPNOTSUPP;
}

/* See symbol.c. */
DEFINE_STATIC_CALL(tracker_do_madvise, tracker_no_madvise);

/* madvise() for the caller's own anonymous memory; without our hook. */
int tracker_madvise(struct mm_struct *mm, unsigned long start, size_t len,
		    int behavior)
{
	return static_call(tracker_do_madvise)(mm, start, len, behavior);
}

/* ---- mremap ------------------------------------------------------------- */

/*
 * An old length of 0 makes a second mapping of the same shared pages. Of private
 * memory, which this was, it is an error.
 */
static bool tracker_undo_alias(unsigned long addr, unsigned long len)
{
	struct vm_area_struct *vma;
	bool ours;

	mmap_read_lock(current->mm);
	vma = find_vma(current->mm, addr);
	ours = vma && vma->vm_start <= addr && tracker_vma_is_target(vma);
	mmap_read_unlock(current->mm);
	return ours && !vm_munmap(addr, len);
}

static void tracker_after_mremap_call(struct tracker_call *call,
				      struct pt_regs *regs)
{
	unsigned long addr = regs->ax;
	int err = 0;

	if (IS_ERR_VALUE(addr) || syscall_get_nr(current, regs) != __NR_mremap)
		return;
	if (!call->old_len) {
		if (tracker_undo_alias(addr, call->new_len))
			regs->ax = -EINVAL;
		return;
	}
	/* Where this fails, a fault is better than another mapping's pages. */
	if (call->flags & MREMAP_DONTUNMAP) {
		err = tracker_make_private(current->mm, call->addr,
					   call->addr + call->old_len);
		if (err)
			vm_munmap(call->addr, call->old_len);
	} else if (call->new_len > call->old_len) {
		err = tracker_discard_grown(current->mm, addr, call->old_len,
					    call->new_len);
		if (err)
			vm_munmap(addr + call->old_len,
				  call->new_len - call->old_len);
	}
	if (err)
		pr_warn_ratelimited("tracker: pid %d: no memory to follow an mremap to %lx\n",
				    task_tgid_nr(current), addr);
}

static void tracker_after_mremap(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);

	if (current->mm)
		tracker_after_mremap_call(call, task_pt_regs(current));
	tracker_call_free(call);
}

/* Arguments with which mremap() fails with EINVAL. */
static struct pt_regs tracker_bad_mremap = { .r10 = ~0UL };

/* mremap(addr, old_len, new_len, flags, new_addr) */
static void notrace tracker_mremap_entry(unsigned long ip,
					 unsigned long parent_ip,
					 struct ftrace_ops *ops,
					 struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct pt_regs *user_regs = (struct pt_regs *)regs->di;
	struct tracker_call call = {
		.addr = untagged_addr(user_regs->di),
		.old_len = PAGE_ALIGN(user_regs->si),
		.new_len = PAGE_ALIGN(user_regs->dx),
		.flags = user_regs->r10,
	};

	if (!tracker_is_active() || !current->mm)
		return;
	if (call.new_len <= call.old_len && !(call.flags & MREMAP_DONTUNMAP))
		return;
	if (!tracker_call_queue(&call, tracker_after_mremap))
		regs->di = (unsigned long)&tracker_bad_mremap;
}

/* ---- munmap ------------------------------------------------------------- */

/*
 * unmap_vmas(tlb, tree, vma, ...), for munmap(), mmap(), mremap() and brk(). The
 * mapping still has its file. At the end of the process there is nothing to do.
 */
static void notrace tracker_unmap_entry(unsigned long ip, unsigned long parent_ip,
					struct ftrace_ops *ops,
					struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct vm_area_struct *vma = (struct vm_area_struct *)regs->dx;

	if (tracker_is_active() && vma && tracker_vma_is_target(vma) &&
	    atomic_read(&vma->vm_mm->mm_users))
		tracker_trim_later(tracker_vma_session(vma));
}

/* ---- registration ------------------------------------------------------- */

static struct tracker_hook tracker_private_hooks[] = {
	{ "do_madvise", { .func = tracker_madvise_entry,
			  .flags = TRACKER_HOOK_FLAGS } },
	{ "__x64_sys_mremap", { .func = tracker_mremap_entry,
				.flags = TRACKER_HOOK_FLAGS } },
	{ "unmap_vmas", { .func = tracker_unmap_entry,
			  .flags = TRACKER_HOOK_FLAGS } },
	{},
};

static int tracker_hook_register(struct tracker_hook *hook)
{
	int err = ftrace_set_filter(&hook->ops, hook->symbol,
				    strlen(hook->symbol), 1);

	if (!err)
		err = register_ftrace_function(&hook->ops);
	hook->is_registered = !err;
	if (err)
		ftrace_free_filter(&hook->ops);
	if (err)
		pr_err("tracker: cannot hook %s: %d (is the sysctl kernel.ftrace_enabled 0?)\n",
		       hook->symbol, err);
	return err;
}

static void tracker_hook_unregister(struct tracker_hook *hook)
{
	unregister_ftrace_function(&hook->ops);
	ftrace_free_filter(&hook->ops);
	hook->is_registered = false;
}

static void tracker_hooks_remove(struct tracker_hook *hooks)
{
	struct tracker_hook *hook;

	for (hook = hooks; hook->symbol; hook++)
		if (hook->is_registered)
			tracker_hook_unregister(hook);
}

/* What there is after a failure is for the caller to remove. */
static int tracker_hooks_add(struct tracker_hook *hooks)
{
	struct tracker_hook *hook;
	int err = 0;

	for (hook = hooks; !err && hook->symbol; hook++)
		err = tracker_hook_register(hook);
	return err;
}

int tracker_hooks_register(void)
{
	void *madvise = tracker_symbol_find("do_madvise");
	int err;

	if (!madvise)
		return -ENOENT;
	static_call_update(tracker_do_madvise, madvise);
	tracker_call_cache = KMEM_CACHE(tracker_call, 0);
	if (!tracker_call_cache)
		return -ENOMEM;
	err = -ENOMEM;
	tracker_call_pool = mempool_create_slab_pool(TRACKER_CALL_RESERVE,
						     tracker_call_cache);
	if (!tracker_call_pool)
		goto err_destroy_cache;
	err = tracker_hooks_add(tracker_private_hooks);
	if (!err)
		err = tracker_hooks_add(tracker_share_hooks);
	if (!err)
		return 0;
	tracker_hooks_remove(tracker_share_hooks);
	tracker_hooks_remove(tracker_private_hooks);
	mempool_destroy(tracker_call_pool);
err_destroy_cache:
	kmem_cache_destroy(tracker_call_cache);
	return err;
}

/* No pseudo-file is left, or the module would be in use. */
void tracker_hooks_unregister(void)
{
	tracker_hooks_remove(tracker_share_hooks);
	tracker_hooks_remove(tracker_private_hooks);
	/* A caller may sit in its call still: mmap() as long as the file system takes. */
	while (atomic_read(&tracker_nr_calls))
		schedule_timeout_uninterruptible(1);
	/* ... and in the last instructions of the note's function. */
	synchronize_rcu_tasks();
	mempool_destroy(tracker_call_pool);
	kmem_cache_destroy(tracker_call_cache);
}
