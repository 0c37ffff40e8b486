/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Much memory, of which each iteration checks and writes a part. The argument is
 * its size in MiB. With `asked`, only iterations that somebody waits for do so.
 */
#define _GNU_SOURCE
#include "promise.h"

#define MIB_PAGES 256UL

static char *area;
static size_t nr_pages;

static size_t size_asked(void)
{
	CHECK(promise.argument);
	return strtoul(promise.argument, NULL, 10) * MIB_PAGES;
}

/* Nothing is written yet: the iterations do that, one MiB each. */
static void set_up_private(void)
{
	nr_pages = size_asked();
	area = map_private(nr_pages);
}

static void set_up_segment(void)
{
	nr_pages = size_asked();
	area = map_with(nr_pages, MAP_SHARED, make_memfd(nr_pages));
}

/* Piece by piece, round and round: each was written one turn ago. */
static void check_turn(void)
{
	static unsigned long nr_done;
	unsigned long nr_pieces = nr_pages / MIB_PAGES;
	unsigned long turn = nr_done / nr_pieces;
	char *base = area + nr_done % nr_pieces * MIB_PAGES * PAGE;

	if (promise.variant && promise.iteration > promise.report_at) {
		usleep(1000);
		return;
	}
	nr_done++;
	if (turn == 0)
		CHECK(is_zero(base, 0, MIB_PAGES));
	else
		CHECK(holds(base, 0, MIB_PAGES, turn - 1));
	fill(base, 0, MIB_PAGES, turn);
}

static const struct promise promises[] = {
	{ "private", set_up_private, check_turn, NULL, 0 },
	{ "asked", set_up_private, check_turn, NULL, 1 },
	{ "segment", set_up_segment, check_turn, NULL, 0 },
};

PROMISE_MAIN(promises)
