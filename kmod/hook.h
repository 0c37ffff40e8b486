/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_HOOK_H
#define TRACKER_HOOK_H

#include <linux/ftrace.h>
#include <linux/task_work.h>

/* The arguments of a call that has begun. */
struct tracker_call {
	struct callback_head work;
	unsigned long addr;
	unsigned long old_len;		/* madvise: the length */
	unsigned long new_len;
	unsigned long flags;		/* madvise: the behavior */
	int nr_unwraps;			/* shmdt: so far */
};

bool tracker_call_queue(const struct tracker_call *args, task_work_func_t func);
void tracker_call_free(struct tracker_call *call);

struct tracker_hook {
	char *symbol;
	struct ftrace_ops ops;
	bool is_registered;
};

#define TRACKER_HOOK_FLAGS                                      \
	(FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_RECURSION | \
	 FTRACE_OPS_FL_PERMANENT)

/* Those of shared files; the last one has no symbol. */
extern struct tracker_hook tracker_share_hooks[];

#endif /* TRACKER_HOOK_H */
