/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that change mappings: mmap, munmap, mremap, mprotect, brk. */
#ifndef SOAK_MAPPING_OPERATIONS_H
#define SOAK_MAPPING_OPERATIONS_H

#include "areas.h"

static void map_kind(enum kind kind)
{
	struct area *area = area_slot();
	unsigned nr = 1 + below(one_in(4) ? MAX_PAGES : 40);

	if (!area) {
		area = &self->areas[below(MAX_AREAS)];
		area_destroy(area);
	}
	area_create(area, kind, nr);
}

static void op_map_anon(void)
{
	map_kind(ANON);
}

static void op_map_file(void)
{
	map_kind(FILE_PRIVATE);
}

static void op_map_memfd(void)
{
	map_kind(MEMFD);
}

static void op_map_shared_anon(void)
{
	map_kind(SHARED_ANON);
}

static void op_map_sysv(void)
{
	map_kind(SYSV);
}

static void op_map_shared_file(void)
{
	map_kind(one_in(4) ? DELETED_FILE : SHARED_FILE);
}

static void op_unmap(void)
{
	struct area *area = pick_area(ALL_KINDS & ~HEAP);

	if (area)
		area_destroy(area);
}

static void op_unmap_part(void)
{
	struct range range = pick_range(ALL_KINDS & ~HEAP, GONE);

	if (!range.area || range.nr == range.area->nr_pages)
		return;
	range_check(range);
	MUST(munmap(range_base(range), range.nr * PAGE) == 0);
	range_flag(range, 0xff, GONE);
}

/* Fresh memory in the middle of old memory, in one call. */
static void op_replace(void)
{
	struct range range = pick_range(ANON | FILE_PRIVATE, GONE);
	struct area *area = range.area;

	if (!area)
		return;
	private_map(area->kind, area->first + range.first, range.nr,
		    range_base(range));
	range_forget(range);
	range_flag(range, 0xff, 0);
}

static void op_protect(void)
{
	struct range range = pick_range(ALL_KINDS & ~HEAP, GONE);
	static const struct {
		int protection;
		unsigned flags;
	} modes[] = {
		{ PROT_READ, READONLY },
		{ PROT_NONE, NO_ACCESS },
		{ PROT_READ | PROT_WRITE, 0 },
		{ PROT_READ | PROT_WRITE, 0 },
	};
	unsigned mode = below(4);

	if (!range.area)
		return;
	MUST(mprotect(range_base(range), range.nr * PAGE,
		      modes[mode].protection) == 0);
	range_flag(range, READONLY | NO_ACCESS, modes[mode].flags);
	range_check(range);
}

/* Write, read-only, writable, write: as soon as a page table can forget. */
static void op_protect_round_trip(void)
{
	struct range range = pick_range(ALL_KINDS, UNWRITABLE);
	size_t size = range.nr * PAGE;

	if (!range.area)
		return;
	range_write(range);
	MUST(mprotect(range_base(range), size, PROT_READ) == 0);
	usleep(below(3000));
	MUST(mprotect(range_base(range), size, PROT_READ | PROT_WRITE) == 0);
	range_write(range);
}

/*
 * mremap fails with EFAULT where a mapping is in pieces; then what it does is
 * done by hand, so that the model does not depend on the pieces.
 */
static char *move_by_hand(struct range range, unsigned nr, char *to)
{
	struct area *area = range.area;
	unsigned common = nr < range.nr ? nr : range.nr;

	if (area->segment) {
		segment_map(area->segment, area->first + range.first, nr, to);
	} else {
		private_map(area->kind, area->first + range.first, nr, to);
		memcpy(to, range_base(range), common * PAGE);
	}
	MUST(munmap(range_base(range), range.nr * PAGE) == 0);
	return to;
}

static char *move(struct range range, unsigned nr)
{
	char *base = mremap(range_base(range), range.nr * PAGE, nr * PAGE,
			    MREMAP_MAYMOVE | MREMAP_FIXED, reserve(nr));

	if (base != MAP_FAILED)
		return base;
	MUST(errno == EFAULT);
	/* The kernel has unmapped the reserve; it may be another thread's now. */
	return move_by_hand(range, nr, reserve(nr));
}

/* All of an area without gaps. */
static struct range pick_whole(unsigned kinds)
{
	struct area *area = pick_area(kinds);
	struct range range = { .area = area };

	if (!area)
		return range;
	range.nr = area->nr_pages;
	if (range_has(range, GONE))
		range.area = NULL;
	else
		range_normalise(range);
	return range;
}

static void area_resize(struct area *area, unsigned nr)
{
	for (unsigned page = area->nr_pages; page < nr; page++) {
		area->content[page] = untouched(area, page);
		area->flags[page] = 0;
	}
	area->nr_pages = nr;
}

static void op_remap_resize(void)
{
	struct range range = pick_whole(ANON | FILE_PRIVATE);
	struct area *area = range.area;
	unsigned limit, nr;
	char *base;

	if (!area)
		return;
	limit = MAX_PAGES - (area->kind == FILE_PRIVATE ? area->first : 0);
	nr = 1 + below(limit);
	base = mremap(area->base, range.nr * PAGE, nr * PAGE, MREMAP_MAYMOVE);
	if (base == MAP_FAILED) {
		MUST(errno == EFAULT);
		base = move_by_hand(range, nr, reserve(nr));
	}
	area->base = base;
	area_resize(area, nr);
	note_event(base, nr);
	area_check(area);
}

static void op_remap_move(void)
{
	/* A moved SysV view could not be made by hand. */
	struct range range = pick_whole(ALL_KINDS & ~(HEAP | SYSV | SHARED_ANON));
	struct area *area = range.area;

	if (!area)
		return;
	area->base = move(range, range.nr);
	note_event(area->base, range.nr);
	area_check(area);
}

/* The tail becomes a mapping of its own. */
static void op_remap_part(void)
{
	struct range range = pick_whole(ANON | FILE_PRIVATE);
	struct area *area = range.area, *tail = area_slot();

	if (!area || !tail || area->nr_pages < 2)
		return;
	range.first = 1 + below(area->nr_pages - 1);
	range.nr = area->nr_pages - range.first;
	*tail = (struct area){ .kind = area->kind,
			       .nr_pages = range.nr,
			       .first = area->first + range.first };
	memcpy(tail->content, &area->content[range.first],
	       range.nr * sizeof(*tail->content));
	memcpy(tail->flags, &area->flags[range.first], range.nr);
	tail->base = move(range, range.nr);
	note_event(tail->base, range.nr);
	area->nr_pages = range.first;
	area_check(area);
	area_check(tail);
}

/* The old range stays, empty. */
static void op_remap_keep(void)
{
	struct range range = pick_whole(ANON);
	struct area *area = range.area;
	char *old, *base;

	if (!area)
		return;
	old = area->base;
	base = mremap(old, range.nr * PAGE, range.nr * PAGE,
		      MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (base == MAP_FAILED) {
		MUST(errno == EFAULT);
		return;
	}
	for (unsigned page = 0; page < range.nr; page++)
		if (page_compare(old + page * PAGE, (struct content){}) >= 0)
			violation("kept by MREMAP_DONTUNMAP, not zero", page,
				  (uintptr_t)old, 0);
	MUST(munmap(old, range.nr * PAGE) == 0);
	area->base = base;
	area_check(area);
}

/* Only one thread has it. */
static void op_break(void)
{
	struct area *heap = &self->heap;
	unsigned nr;

	if (self->index != 0)
		return;
	if (!heap->kind) {
		heap->kind = HEAP;
		MUST(sbrk(-(uintptr_t)sbrk(0) % PAGE) != (void *)-1);
		heap->base = sbrk(0);
	}
	MUST(sbrk(0) == page_at(heap, heap->nr_pages));
	nr = below(MAX_PAGES);
	area_check(heap);
	MUST(brk(page_at(heap, nr)) == 0);
	area_resize(heap, nr);
	area_check(heap);
}

#endif
