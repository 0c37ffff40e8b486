/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of madvise and mlock. */
#ifndef SOAK_ADVICE_OPERATIONS_H
#define SOAK_ADVICE_OPERATIONS_H

#include "areas.h"

/* Locked pages cannot be given up. */
static void range_unlock(struct range range)
{
	if (range_has(range, LOCKED))
		MUST(munlock(range_base(range), range.nr * PAGE) == 0);
	range_flag(range, LOCKED, 0);
}

static void op_discard(void)
{
	struct range range = pick_range(ALL_KINDS, GONE);

	if (!range.area)
		return;
	range_unlock(range);
	range_check(range);
	MUST(range_advise(range, MADV_DONTNEED) == 0);
	if (range.area->kind & PRIVATE_KINDS)
		range_forget(range);
	range_check(range);
}

static void op_discard_locked(void)
{
	struct range range = pick_range(ANON | FILE_PRIVATE, GONE);

	if (!range.area || !(range.area->flags[range.first] & LOCKED))
		return;
	range.nr = 1;
	MUST(range_advise(range, MADV_DONTNEED) == -1 && errno == EINVAL);
	range_check(range);
}

static void op_free(void)
{
	struct range range = pick_range(ANON | HEAP, GONE);

	if (!range.area)
		return;
	range_unlock(range);
	range_check(range);
	MUST(range_advise(range, MADV_FREE) == 0);
	range_flag(range, 0, FREED);
	range_check(range);
}

static void op_remove(void)
{
	struct range range = pick_range(SHARED_KINDS, UNWRITABLE | LOCKED);

	if (!range.area)
		return;
	MUST(range_advise(range, MADV_REMOVE) == 0);
	range_forget(range);
	range_check(range);
}

/* What is only for speed must not change content. */
static void op_hint(void)
{
	static const int hints[] = {
		MADV_NORMAL,   MADV_SEQUENTIAL, MADV_RANDOM,
		MADV_WILLNEED, MADV_HUGEPAGE,	MADV_NOHUGEPAGE,
		MADV_DONTDUMP, MADV_DODUMP,	MADV_MERGEABLE,
		MADV_COLD,     MADV_PAGEOUT,	MADV_UNMERGEABLE,
	};
	struct range range = pick_range(ALL_KINDS, UNWRITABLE | LOCKED);
	int hint = hints[below(sizeof(hints) / sizeof(*hints))];

	if (!range.area)
		return;
	/* A kernel may be built without KSM or huge pages. */
	MUST(range_advise(range, hint) == 0 || errno == EINVAL);
	range_check(range);
}

static void op_populate(void)
{
	struct range range = pick_range(ALL_KINDS, UNWRITABLE);

	if (!range.area)
		return;
	MUST(range_advise(range, MADV_POPULATE_WRITE) == 0);
	range_check(range);
}

static void op_wipe_on_fork(void)
{
	struct range range = pick_range(ANON, GONE);
	bool is_set = one_in(2);

	if (!range.area)
		return;
	MUST(range_advise(range, is_set ? MADV_WIPEONFORK : MADV_KEEPONFORK) ==
	     0);
	range_flag(range, WIPED, is_set ? WIPED : 0);
}

static void op_not_inherited(void)
{
	struct range range = pick_range(ALL_KINDS & ~HEAP, GONE);
	bool is_set = one_in(2);

	if (!range.area)
		return;
	MUST(range_advise(range, is_set ? MADV_DONTFORK : MADV_DOFORK) == 0);
	range_flag(range, NOT_INHERITED, is_set ? NOT_INHERITED : 0);
}

static void op_lock(void)
{
	struct range range = pick_range(ALL_KINDS, GONE | NO_ACCESS);
	bool on_fault = one_in(3);

	if (!range.area)
		return;
	MUST(mlock2(range_base(range), range.nr * PAGE,
		    on_fault ? MLOCK_ONFAULT : 0) == 0);
	range_flag(range, 0, LOCKED);
	range_check(range);
}

static void op_unlock(void)
{
	struct range range = pick_range(ALL_KINDS, GONE);

	if (!range.area)
		return;
	range_unlock(range);
	range_check(range);
}

static void op_sync(void)
{
	struct range range = pick_range(ALL_KINDS, GONE);

	if (!range.area)
		return;
	MUST(msync(range_base(range), range.nr * PAGE,
		   one_in(4) ? MS_SYNC : MS_ASYNC) == 0);
	range_check(range);
}

#endif
