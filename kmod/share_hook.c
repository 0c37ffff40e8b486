// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks on the calls that map, unmap or write shared files; see syscall_hook.c.
 * Whether a file is tracked is looked up after the call: tracking may have begun
 * in between, and a file system may map another file than the one it was given.
 */
#include <linux/mman.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <asm/compat.h>
#include <asm/syscall.h>

#include "hook.h"
#include "share.h"

/* ---- mmap, shmat, remap_file_pages -------------------------------------- */

/* For a call that has mapped something, nobody knows where. */
static void tracker_after_attach(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);

	if (current->mm && tracker_shares_exist())
		tracker_share_adopt_new(current->mm);
	tracker_call_free(call);
}

static void tracker_after_remap(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);

	if (current->mm && tracker_shares_exist())
		tracker_share_adopt(current->mm, call->addr,
				    call->addr + call->new_len);
	tracker_call_free(call);
}

/* Who calls it without the system call of that name does not tell the address. */
static void tracker_after_mmap(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);
	struct pt_regs *regs = task_pt_regs(current);

	if (in_ia32_syscall() || syscall_get_nr(current, regs) != __NR_mmap) {
		tracker_after_attach(work);
		return;
	}
	call->addr = regs->ax;
	if (IS_ERR_VALUE(call->addr))
		tracker_call_free(call);
	else
		tracker_after_remap(work);
}

/*
 * Noted also where nobody is tracked: before the call is over somebody may be, and
 * what is written to the file may be unmapped again before a harvest looks for such
 * mappings. Without a note the call must not happen if somebody is tracked. Return:
 * whether it may.
 */
static bool tracker_note_mapping(unsigned long addr, unsigned long len,
				 task_work_func_t func)
{
	struct tracker_call call = { .addr = addr, .new_len = len };

	if (!current->mm || current->flags & PF_KTHREAD)
		return true;
	return tracker_call_queue(&call, func) || !tracker_is_active();
}

/* vm_mmap_pgoff(file, addr, len, prot, flag, pgoff); no type: EINVAL. */
static void notrace tracker_mmap_entry(unsigned long ip, unsigned long parent_ip,
				       struct ftrace_ops *ops,
				       struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	unsigned long type = regs->r8 & MAP_TYPE;

	if (regs->di && (type == MAP_SHARED || type == MAP_SHARED_VALIDATE) &&
	    !tracker_note_mapping(0, PAGE_ALIGN(regs->dx), tracker_after_mmap))
		regs->r8 = 0;
}

/* do_shmat(shmid, addr, flags, ...); a negative id: EINVAL. */
static void notrace tracker_shmat_entry(unsigned long ip,
					unsigned long parent_ip,
					struct ftrace_ops *ops,
					struct ftrace_regs *fregs)
{
	if (!tracker_note_mapping(0, 0, tracker_after_attach))
		ftrace_get_regs(fregs)->di = -1;
}

/* Arguments with which remap_file_pages() fails with EINVAL, of either ABI. */
static struct pt_regs tracker_bad_remap = { .dx = 1 };

/* remap_file_pages(start, size, prot, pgoff, flags) */
static void notrace tracker_remap_entry(unsigned long ip,
					unsigned long parent_ip,
					struct ftrace_ops *ops,
					struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct pt_regs *user_regs = (struct pt_regs *)regs->di;

	if (!tracker_note_mapping(user_regs->di & PAGE_MASK,
				  user_regs->si & PAGE_MASK,
				  tracker_after_remap))
		regs->di = (unsigned long)&tracker_bad_remap;
}

#ifdef CONFIG_IA32_EMULATION
static void notrace tracker_ia32_remap_entry(unsigned long ip,
					     unsigned long parent_ip,
					     struct ftrace_ops *ops,
					     struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct pt_regs *user_regs = (struct pt_regs *)regs->di;

	if (!tracker_note_mapping((u32)user_regs->bx & PAGE_MASK,
				  (u32)user_regs->cx & PAGE_MASK,
				  tracker_after_remap))
		regs->di = (unsigned long)&tracker_bad_remap;
}
#endif

/* ---- libaio ------------------------------------------------------------- */

/*
 * aio_complete_rw(kiocb, res), with which every request of io_submit() ends, in
 * any context. fsnotify says nothing of it.
 */
static void notrace tracker_aio_entry(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops,
				      struct ftrace_regs *fregs)
{
	struct kiocb *kiocb = (struct kiocb *)ftrace_get_regs(fregs)->di;

	if (tracker_shares_exist() && kiocb->ki_flags & IOCB_WRITE)
		tracker_share_written(kiocb->ki_filp);
}

/* ---- shmdt -------------------------------------------------------------- */

/* syscall, sysenter and int $0x80 are as long. */
#define TRACKER_SYSCALL_BYTES	2

/*
 * shmdt() knows its mappings by their vm_ops, and fails with EINVAL where they
 * are ours. If they have ceased to be since, it is to be called once more, as
 * after a signal.
 */
static void tracker_after_shmdt(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);
	struct pt_regs *regs = task_pt_regs(current);

	if (current->mm && regs->ax == -EINVAL) {
		if (tracker_share_shmdt(current->mm, call->addr)) {
			regs->ax = 0;
		} else if (call->nr_unwraps != tracker_vma_nr_unwraps()) {
			regs->ax = regs->orig_ax;
			regs->ip -= TRACKER_SYSCALL_BYTES;
		}
	}
	tracker_call_free(call);
}

/* ksys_shmdt(addr) */
static void notrace tracker_shmdt_entry(unsigned long ip,
					unsigned long parent_ip,
					struct ftrace_ops *ops,
					struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct tracker_call call = {
		.addr = regs->di,
		.nr_unwraps = tracker_vma_nr_unwraps(),
	};

	/* Without a note the call must not happen: it fails with EINVAL. */
	if ((tracker_is_active() || tracker_shares_exist()) && current->mm &&
	    PAGE_ALIGNED(call.addr) &&
	    !tracker_call_queue(&call, tracker_after_shmdt))
		regs->di = 1;
}

struct tracker_hook tracker_share_hooks[] = {
	{ "vm_mmap_pgoff", { .func = tracker_mmap_entry,
			     .flags = TRACKER_HOOK_FLAGS } },
	{ "do_shmat", { .func = tracker_shmat_entry,
			.flags = TRACKER_HOOK_FLAGS } },
	{ "__x64_sys_remap_file_pages", { .func = tracker_remap_entry,
					  .flags = TRACKER_HOOK_FLAGS } },
#ifdef CONFIG_IA32_EMULATION
	{ "__ia32_sys_remap_file_pages", { .func = tracker_ia32_remap_entry,
					   .flags = TRACKER_HOOK_FLAGS } },
#endif
	{ "aio_complete_rw", { .func = tracker_aio_entry,
			       .flags = TRACKER_HOOK_FLAGS } },
	{ "ksys_shmdt", { .func = tracker_shmdt_entry,
			  .flags = TRACKER_HOOK_FLAGS } },
	{},
};
