// SPDX-License-Identifier: GPL-2.0-only
/* Hooks on the calls that map, unmap or write shared files; see syscall_hook.c. */
#include <linux/aio_abi.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>

#include "hook.h"
#include "share.h"

static void tracker_after_mmap(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);

	if (current->mm)
		tracker_share_adopt(current->mm,
				    (struct address_space *)call->addr,
				    call->old_len, call->new_len);
	tracker_call_free(call);
}

/* Without a note the call must not happen. Return: whether there is one. */
static bool tracker_note_mmap(struct address_space *mapping, pgoff_t index,
			      pgoff_t nr_pages)
{
	struct tracker_call call = {
		.addr = (unsigned long)mapping,
		.old_len = index,
		.new_len = nr_pages,
	};

	if (!tracker_shares_exist() || !current->mm ||
	    current->flags & PF_KTHREAD)
		return true;
	return tracker_call_queue(&call, tracker_after_mmap);
}

/* vm_mmap_pgoff(file, addr, len, prot, flag, pgoff); no type: EINVAL. */
static void notrace tracker_mmap_entry(unsigned long ip, unsigned long parent_ip,
				       struct ftrace_ops *ops,
				       struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct file *file = (struct file *)regs->di;
	unsigned long type = regs->r8 & MAP_TYPE;

	if (file && (type == MAP_SHARED || type == MAP_SHARED_VALIDATE) &&
	    tracker_share_find(file->f_mapping) &&
	    !tracker_note_mmap(file->f_mapping, regs->r9,
			       regs->dx >> PAGE_SHIFT))
		regs->r8 = 0;
}

/* do_shmat(shmid, addr, flags, ...); a negative id: EINVAL. */
static void notrace tracker_shmat_entry(unsigned long ip,
					unsigned long parent_ip,
					struct ftrace_ops *ops,
					struct ftrace_regs *fregs)
{
	if (!tracker_note_mmap(NULL, 0, 0))
		ftrace_get_regs(fregs)->di = -1;
}

/* Arguments with which remap_file_pages() fails with EINVAL. */
static struct pt_regs tracker_bad_remap = { .dx = 1 };

static void notrace tracker_remap_entry(unsigned long ip,
					unsigned long parent_ip,
					struct ftrace_ops *ops,
					struct ftrace_regs *fregs)
{
	if (!tracker_note_mmap(NULL, 0, 0))
		ftrace_get_regs(fregs)->di = (unsigned long)&tracker_bad_remap;
}

static void tracker_aio_mark(struct iocb __user *uiocb)
{
	struct iocb iocb;
	struct file *file;

	if (copy_from_user(&iocb, uiocb, sizeof(iocb)) ||
	    (iocb.aio_lio_opcode != IOCB_CMD_PWRITE &&
	     iocb.aio_lio_opcode != IOCB_CMD_PWRITEV))
		return;
	file = fget(iocb.aio_fildes);
	if (!file)
		return;
	tracker_share_mark(file->f_mapping);
	fput(file);
}

/* fsnotify says nothing of what libaio writes. */
static void tracker_after_io_submit(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);
	struct iocb __user * __user *list = (void __user *)call->addr;
	struct iocb __user *iocb;
	unsigned long i;

	for (i = 0; i < call->old_len && !fatal_signal_pending(current); i++) {
		if (get_user(iocb, &list[i]))
			break;
		tracker_aio_mark(iocb);
		cond_resched();
	}
	tracker_call_free(call);
}

/* Arguments with which io_submit() fails with EINVAL. */
static struct pt_regs tracker_bad_io_submit = { .si = -1 };

/* io_submit(ctx, nr, iocbpp) */
static void notrace tracker_io_submit_entry(unsigned long ip,
					    unsigned long parent_ip,
					    struct ftrace_ops *ops,
					    struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct pt_regs *user_regs = (struct pt_regs *)regs->di;
	struct tracker_call call = {
		.addr = user_regs->dx,
		.old_len = user_regs->si,
	};

	if (tracker_shares_exist() && (long)call.old_len > 0 &&
	    !tracker_call_queue(&call, tracker_after_io_submit))
		regs->di = (unsigned long)&tracker_bad_io_submit;
}

/*
 * shmdt() knows its mappings by their vm_ops, and fails with EINVAL where they
 * are ours.
 */
static void tracker_after_shmdt(struct callback_head *work)
{
	struct tracker_call *call = container_of(work, struct tracker_call, work);
	struct pt_regs *regs = task_pt_regs(current);

	if (current->mm && regs->ax == -EINVAL &&
	    tracker_share_shmdt(current->mm, call->addr))
		regs->ax = 0;
	tracker_call_free(call);
}

/* ksys_shmdt(addr) */
static void notrace tracker_shmdt_entry(unsigned long ip,
					unsigned long parent_ip,
					struct ftrace_ops *ops,
					struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct tracker_call call = { .addr = regs->di };

	/* Without a note the call must not happen: it fails with EINVAL. */
	if (tracker_shares_exist() && current->mm &&
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
	{ "__x64_sys_io_submit", { .func = tracker_io_submit_entry,
				   .flags = TRACKER_HOOK_FLAGS } },
	{ "ksys_shmdt", { .func = tracker_shmdt_entry,
			  .flags = TRACKER_HOOK_FLAGS } },
	{},
};
