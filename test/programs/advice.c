/* SPDX-License-Identifier: Apache-2.0 */
/* madvise(): what it says happens, and nothing else changes. */
#define _GNU_SOURCE
#include "promise.h"

#define NR_PAGES 64
#define PART 16

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static char *area;

static void set_up_area(void)
{
	area = map_private(NR_PAGES);
	fill(area, 0, NR_PAGES, 0);
}

static void advise(size_t first, size_t nr, int advice)
{
	CHECK(madvise(area + first * PAGE, nr * PAGE, advice) == 0);
}

/* Discards a part; in the next iteration it still reads as zeros. */
static void check_dontneed(void)
{
	size_t first = promise.iteration / 2 % (NR_PAGES - PART);

	if (promise.iteration % 2) {
		fill(area, 0, NR_PAGES, promise.iteration);
		advise(first, PART, MADV_DONTNEED);
		CHECK(is_zero(area, first, PART / 2));
		return;
	}
	first = (promise.iteration - 1) / 2 % (NR_PAGES - PART);
	CHECK(holds(area, 0, first, promise.iteration - 1));
	CHECK(is_zero(area, first, PART));
	CHECK(holds(area, first + PART, NR_PAGES - first - PART,
		    promise.iteration - 1));
}

/* A freed page keeps its content or has none, and what is written after stays. */
static void check_free(void)
{
	fill(area, 0, NR_PAGES, promise.iteration);
	advise(0, PART, MADV_FREE);
	fill(area, 0, PART / 2, promise.iteration + 1);
	for (size_t page = PART / 2; page < PART; page++)
		CHECK(holds(area, page, 1, promise.iteration) ||
		      is_zero(area, page, 1));
	CHECK(holds(area, 0, PART / 2, promise.iteration + 1));
	CHECK(holds(area, PART, NR_PAGES - PART, promise.iteration));
}

static void set_up_segment(void)
{
	area = map_with(NR_PAGES, MAP_SHARED, make_memfd(NR_PAGES));
	fill(area, 0, NR_PAGES, 0);
}

static void check_remove(void)
{
	if (promise.iteration > 1) {
		CHECK(is_zero(area, 0, PART));
		CHECK(holds(area, PART, NR_PAGES - PART,
			    promise.iteration - 1));
	}
	fill(area, 0, NR_PAGES, promise.iteration);
	advise(0, PART, MADV_REMOVE);
	CHECK(is_zero(area, 0, PART));
}

static void set_up_advised(void)
{
	set_up_area();
	advise(0, NR_PAGES, promise.variant);
}

/* Advice that leaves the content alone, given once. */
static void check_content(void)
{
	size_t first = promise.iteration % NR_PAGES;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	fill(area, first, NR_PAGES - first, promise.iteration);
	fill(area, 0, first, promise.iteration);
}

/* The same, given again each time. */
static void check_repeated(void)
{
	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	advise(0, NR_PAGES, promise.variant);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	fill(area, 0, NR_PAGES, promise.iteration);
	advise(PART, PART, promise.variant);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

/* Room for huge pages, aligned as they are. */
#define HUGE_PAGES 512

static void set_up_huge(void)
{
	char *room = map_private(2 * HUGE_PAGES);
	uintptr_t mask = HUGE_PAGES * PAGE - 1;

	area = (char *)(((uintptr_t)room + mask) & ~mask);
	CHECK(madvise(area, HUGE_PAGES * PAGE, promise.variant) == 0);
	fill(area, 0, HUGE_PAGES, 0);
}

static void check_huge(void)
{
	size_t first = promise.iteration * 7 % (HUGE_PAGES - PART);

	/* Pages that the last iteration has written, and some of the rest. */
	if (promise.iteration > 1)
		CHECK(holds(area, (promise.iteration - 1) * 7 %
				(HUGE_PAGES - PART), PART,
			    promise.iteration - 1));
	CHECK(holds(area, HUGE_PAGES - 1, 1, 0));
	fill(area, first, PART, promise.iteration);
	CHECK(madvise(area + first * PAGE, PART * PAGE, MADV_DONTNEED) == 0);
	CHECK(is_zero(area, first, PART));
	fill(area, first, PART, promise.iteration);
}

/* Equal pages are what KSM merges, and a write must part them again. */
static void check_mergeable(void)
{
	uint64_t value = promise.iteration - 1;

	for (size_t page = 0; page < NR_PAGES; page++)
		CHECK(holds(area + page * PAGE, 0, 1, value));
	for (size_t page = 0; page < NR_PAGES; page++)
		fill(area + page * PAGE, 0, 1, promise.iteration);
}

static void set_up_mergeable(void)
{
	set_up_area();
	for (size_t page = 0; page < NR_PAGES; page++)
		fill(area + page * PAGE, 0, 1, 0);
	advise(0, NR_PAGES, MADV_MERGEABLE);
}

static const struct promise promises[] = {
	{ "dontneed", set_up_area, check_dontneed, NULL, 0 },
	{ "free", set_up_area, check_free, NULL, 0 },
	{ "remove", set_up_segment, check_remove, NULL, 0 },
	{ "hugepage", set_up_huge, check_huge, NULL, MADV_HUGEPAGE },
	{ "nohugepage", set_up_huge, check_huge, NULL, MADV_NOHUGEPAGE },
	{ "dontdump", set_up_advised, check_content, NULL, MADV_DONTDUMP },
	{ "sequential", set_up_advised, check_content, NULL,
	  MADV_SEQUENTIAL },
	{ "random", set_up_advised, check_repeated, NULL, MADV_RANDOM },
	{ "mergeable", set_up_mergeable, check_mergeable, NULL, 0 },
	{ "cold", set_up_area, check_repeated, NULL, MADV_COLD },
	{ "pageout", set_up_area, check_repeated, NULL, MADV_PAGEOUT },
	{ "willneed", set_up_area, check_repeated, NULL, MADV_WILLNEED },
	{ "populate-read", set_up_area, check_repeated, NULL,
	  MADV_POPULATE_READ },
	{ "populate-write", set_up_area, check_repeated, NULL,
	  MADV_POPULATE_WRITE },
};

PROMISE_MAIN(promises)
