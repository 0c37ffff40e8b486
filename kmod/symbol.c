// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of the kernel that are not exported. They are called by static calls,
 * which are direct ones: where the CPU checks the targets of indirect calls, the
 * kernel has sealed functions that it never calls indirectly itself.
 */
#include <linux/kprobes.h>
#include <asm/ibt.h>

#include "tracker.h"

/**
 * tracker_symbol_find - find a function of the kernel by its name
 * @name: the function
 *
 * Return: the function, or NULL.
 */
void *tracker_symbol_find(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	unsigned long addr;

	if (register_kprobe(&probe)) {
		pr_err("tracker: this kernel has no %s\n", name);
		return NULL;
	}
	addr = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	/* Where the CPU checks the targets of calls, a probe is behind the mark. */
	if (is_endbr(*(u32 *)(addr - ENDBR_INSN_SIZE)))
		addr -= ENDBR_INSN_SIZE;
	return (void *)addr;
}
