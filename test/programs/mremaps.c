/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mremap() of each kind of mapping, in three steps with an iteration for each, so
 * that swap and revert can come between any two of them.
 */
#define _GNU_SOURCE
#include "promise.h"

#define NR_PAGES 16
#define NR_LARGE 48

enum kind { ANON, FILE_PRIVATE, SHARED };
enum change { GROW, SHRINK, MOVE, DONTUNMAP };
#define VARIANT(kind, change) ((kind) * 8 + (change))
#define KIND ((enum kind)(promise.variant / 8))
#define CHANGE ((enum change)(promise.variant % 8))

/* What the backing file holds where nobody has written. */
#define FILE_VALUE 12345

static int file = -1;
static char *area, *old;

static void set_up(void)
{
	if (KIND == FILE_PRIVATE)
		file = make_file("/tmp", NR_LARGE, FILE_VALUE);
	else if (KIND == SHARED)
		file = make_memfd(NR_LARGE);
}

static int is_fresh(const char *base, size_t first, size_t nr)
{
	if (KIND == ANON)
		return is_zero(base, first, nr);
	return holds(base, first, nr, FILE_VALUE);
}

static char *map_kind(size_t nr)
{
	if (KIND == ANON)
		return map_private(nr);
	if (KIND == SHARED)
		file_fill(file, 0, NR_LARGE, FILE_VALUE);
	return map_with(nr, KIND == SHARED ? MAP_SHARED : MAP_PRIVATE, file);
}

static void *remap(size_t from, size_t to, int flags)
{
	void *moved = mremap(area, from * PAGE, to * PAGE, flags,
			     area - (256 << 20));

	CHECK(moved != MAP_FAILED);
	return moved;
}

static void change(uint64_t value)
{
	switch (CHANGE) {
	case GROW:
		area = remap(NR_PAGES, NR_LARGE, MREMAP_MAYMOVE);
		CHECK(is_fresh(area, NR_PAGES, NR_LARGE - NR_PAGES));
		break;
	case SHRINK:
		CHECK(remap(NR_PAGES, NR_PAGES / 2, 0) == area);
		CHECK(is_absent(area, NR_PAGES / 2));
		area = remap(NR_PAGES / 2, NR_PAGES, MREMAP_MAYMOVE);
		if (KIND != SHARED)
			CHECK(is_fresh(area, NR_PAGES / 2, NR_PAGES / 2));
		fill(area, NR_PAGES / 2, NR_PAGES / 2, value);
		break;
	case MOVE:
		old = area;
		area = remap(NR_PAGES, NR_PAGES, MREMAP_MAYMOVE | MREMAP_FIXED);
		CHECK(is_absent(old, 0) && is_absent(old, NR_PAGES - 1));
		break;
	case DONTUNMAP:
		old = area;
		area = remap(NR_PAGES, NR_PAGES,
			     MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
		CHECK(KIND == SHARED ? holds(old, 0, NR_PAGES, value) :
				       is_fresh(old, 0, NR_PAGES));
		break;
	}
	CHECK(holds(area, 0, NR_PAGES, value));
}

/* What the change has left behind, written and then gone. */
static void end(uint64_t value)
{
	CHECK(holds(area, 0, NR_PAGES, value));
	if (CHANGE == GROW) {
		CHECK(is_fresh(area, NR_PAGES, NR_LARGE - NR_PAGES));
		fill(area, 0, NR_LARGE, value + 1);
		CHECK(holds(area, 0, NR_LARGE, value + 1));
	}
	if (CHANGE == DONTUNMAP) {
		fill(old, 0, NR_PAGES, value + 1);
		CHECK(holds(area, 0, NR_PAGES,
			    KIND == SHARED ? value + 1 : value));
		unmap(old, 0, NR_PAGES);
	}
	unmap(area, 0, CHANGE == GROW ? NR_LARGE : NR_PAGES);
	if (KIND == FILE_PRIVATE)
		CHECK(file_holds(file, 0, NR_LARGE, FILE_VALUE));
}

static void check(void)
{
	uint64_t value = promise.iteration / 3;

	switch (promise.iteration % 3) {
	case 0:
		area = map_kind(NR_PAGES);
		fill(area, 0, NR_PAGES, value);
		break;
	case 1:
		if (!area)
			break;
		CHECK(holds(area, 0, NR_PAGES, value));
		change(value);
		break;
	case 2:
		if (area)
			end(value);
		break;
	}
}

#define PROMISE(name, kind, change)                                            \
	{ name, set_up, check, NULL, VARIANT(kind, change) }

static const struct promise promises[] = {
	PROMISE("grow-anon", ANON, GROW),
	PROMISE("grow-private-file", FILE_PRIVATE, GROW),
	PROMISE("grow-shared", SHARED, GROW),
	PROMISE("shrink-anon", ANON, SHRINK),
	PROMISE("shrink-private-file", FILE_PRIVATE, SHRINK),
	PROMISE("shrink-shared", SHARED, SHRINK),
	PROMISE("move-anon", ANON, MOVE),
	PROMISE("move-private-file", FILE_PRIVATE, MOVE),
	PROMISE("move-shared", SHARED, MOVE),
	PROMISE("dontunmap-anon", ANON, DONTUNMAP),
	PROMISE("dontunmap-private-file", FILE_PRIVATE, DONTUNMAP),
	PROMISE("dontunmap-shared", SHARED, DONTUNMAP),
};

PROMISE_MAIN(promises)
