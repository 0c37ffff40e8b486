/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private mappings of a file: the file's content until a page is written, and
 * from then on the process' own.
 */
#define _GNU_SOURCE
#include "promise.h"

#define NR_PAGES 32
#define HALF (NR_PAGES / 2)
#define FILE_VALUE 4711

static int file;
static char *area;

static const char *directory(void)
{
	return promise.argument ? promise.argument : "/tmp";
}

static void set_up(void)
{
	file = make_file(directory(), NR_PAGES, FILE_VALUE);
	area = map_with(NR_PAGES, MAP_PRIVATE, file);
	fill(area, 0, HALF, 0);
}

/* The lower half is written, the upper half never. */
static void check_written(void)
{
	CHECK(holds(area, 0, HALF, promise.iteration - 1));
	CHECK(holds(area, HALF, HALF, FILE_VALUE));
	fill(area, 0, HALF, promise.iteration);
	CHECK(file_holds(file, 0, NR_PAGES, FILE_VALUE));
	CHECK(holds(area, HALF, HALF, FILE_VALUE));
}

/* A fresh mapping each time, read or written in any order. */
static void check_fresh(void)
{
	static char *last;
	char *fresh = map_with(NR_PAGES, MAP_PRIVATE, file);
	size_t first = promise.iteration % HALF;

	if (promise.iteration % 2)
		CHECK(holds(fresh, 0, NR_PAGES, FILE_VALUE));
	fill(fresh, first, HALF, promise.iteration);
	CHECK(holds(fresh, 0, first, FILE_VALUE));
	CHECK(holds(fresh, first + HALF, HALF - first, FILE_VALUE));
	if (last) {
		first = (promise.iteration - 1) % HALF;
		CHECK(holds(last, 0, first, FILE_VALUE));
		CHECK(holds(last, first, HALF, promise.iteration - 1));
		CHECK(holds(last, first + HALF, HALF - first, FILE_VALUE));
		unmap(last, 0, NR_PAGES);
	}
	last = fresh;
	CHECK(file_holds(file, 0, NR_PAGES, FILE_VALUE));
}

#define TAIL_BYTES 1000

/* Behind the end in the last page are zeros, which can be written, too. */
static void set_up_tail(void)
{
	file = make_file(directory(), NR_PAGES, FILE_VALUE);
	CHECK(ftruncate(file, (NR_PAGES - 1) * PAGE + TAIL_BYTES) == 0);
}

static void check_tail(void)
{
	static char *last;
	char *page;

	if (last) {
		for (size_t i = 0; i < PAGE - TAIL_BYTES; i++)
			CHECK(last[TAIL_BYTES + i] ==
			      (char)(i % 2 ? promise.iteration - 1 : 0));
		CHECK(munmap(last, PAGE) == 0);
	}
	area = map_with(NR_PAGES, MAP_PRIVATE, file);
	page = area + (NR_PAGES - 1) * PAGE;
	CHECK(*(uint64_t *)page == page_word(FILE_VALUE, NR_PAGES - 1));
	for (size_t i = 0; i < PAGE - TAIL_BYTES; i++) {
		CHECK(page[TAIL_BYTES + i] == 0);
		if (i % 2)
			page[TAIL_BYTES + i] = promise.iteration;
	}
	unmap(area, 0, NR_PAGES - 1);
	last = page;
	CHECK(lseek(file, 0, SEEK_END) == (NR_PAGES - 1) * PAGE + TAIL_BYTES);
}

/* Cuts the file under the mapping, and lets it grow again. */
static void check_truncate(void)
{
	uint64_t value = promise.iteration / 3;

	switch (promise.iteration % 3) {
	case 0:
		file_fill(file, 0, NR_PAGES, FILE_VALUE);
		area = map_with(NR_PAGES, MAP_PRIVATE, file);
		/* Written below and above the later end, and on both read. */
		fill(area, 2, 4, value);
		fill(area, HALF + 2, 4, value);
		CHECK(holds(area, HALF, 2, FILE_VALUE));
		CHECK(ftruncate(file, HALF * PAGE) == 0);
		CHECK(fault_of(area + HALF * PAGE, 0) == SIGBUS);
		break;
	case 1:
		if (promise.iteration == 1)
			break;
		/* What the process had written behind the end is gone, too. */
		for (size_t page = HALF; page < NR_PAGES; page += 3)
			CHECK(fault_of(area + page * PAGE, page % 2) == SIGBUS);
		CHECK(holds(area, 0, 2, FILE_VALUE));
		CHECK(holds(area, 2, 4, value));
		CHECK(ftruncate(file, NR_PAGES * PAGE) == 0);
		CHECK(is_zero(area, HALF, HALF));
		fill(area, HALF, 4, value + 1);
		break;
	case 2:
		if (promise.iteration == 2)
			break;
		CHECK(holds(area, 0, 2, FILE_VALUE));
		CHECK(holds(area, 2, 4, value));
		CHECK(holds(area, 6, HALF - 6, FILE_VALUE));
		CHECK(holds(area, HALF, 4, value + 1));
		CHECK(is_zero(area, HALF + 4, HALF - 4));
		unmap(area, 0, NR_PAGES);
		break;
	}
}

static void set_up_file(void)
{
	file = make_file(directory(), NR_PAGES, FILE_VALUE);
}

/* A mapping that is larger than its file. */
static void set_up_beyond(void)
{
	set_up_file();
	area = map_with(2 * NR_PAGES, MAP_PRIVATE, file);
	fill(area, 0, HALF, 0);
}

static void check_beyond(void)
{
	check_written();
	CHECK(fault_of(area + NR_PAGES * PAGE, 0) == SIGBUS);
	CHECK(fault_of(area + (2 * NR_PAGES - 1) * PAGE, 1) == SIGBUS);
}

static void check_dontneed(void)
{
	CHECK(promise.iteration == 1 ||
	      holds(area, 0, HALF / 2, FILE_VALUE));
	CHECK(holds(area, HALF / 2, HALF / 2, promise.iteration - 1));
	fill(area, 0, HALF, promise.iteration);
	CHECK(madvise(area, HALF / 2 * PAGE, MADV_DONTNEED) == 0);
	if (promise.iteration % 2)
		CHECK(holds(area, 0, HALF / 2, FILE_VALUE));
	CHECK(holds(area, HALF / 2, HALF / 2, promise.iteration));
}

/* Pages that are not the process' own follow the file. */
static void check_file_changes(void)
{
	if (promise.iteration > 1)
		CHECK(holds(area, HALF, HALF, promise.iteration - 1));
	CHECK(holds(area, 0, HALF, promise.iteration - 1));
	file_fill(file, 0, NR_PAGES, promise.iteration);
	CHECK(holds(area, HALF, HALF, promise.iteration));
	CHECK(holds(area, 0, HALF, promise.iteration - 1));
	fill(area, 0, HALF, promise.iteration);
}

static void check_fork(void)
{
	struct door door = make_door();
	uint64_t i = promise.iteration;
	pid_t child;

	CHECK(holds(area, 0, HALF, i - 1));
	child = fork_child();
	if (child == 0) {
		await(door);
		CHECK(holds(area, 0, HALF, i - 1));
		CHECK(holds(area, HALF, HALF, FILE_VALUE));
		fill(area, HALF / 2, HALF, i + 1);
		CHECK(holds(area, HALF / 2, HALF, i + 1));
		CHECK(holds(area, HALF + HALF / 2, HALF / 2, FILE_VALUE));
		_exit(0);
	}
	fill(area, 0, HALF, i);
	open_door(door);
	expect_success(child);
	close_door(door);
	CHECK(holds(area, 0, HALF, i));
	CHECK(holds(area, HALF, HALF, FILE_VALUE));
	CHECK(file_holds(file, 0, NR_PAGES, FILE_VALUE));
}

/* The program's own: .data, .bss, and what is read-only until it is relocated. */
static char data[8 * PAGE] __attribute__((aligned(PAGE))) = { 1, 2, 3 };
static char bss[8 * PAGE] __attribute__((aligned(PAGE)));
static char untouched[8 * PAGE] __attribute__((aligned(PAGE))) = { 4, 5, 6 };

static void check_globals(void)
{
	if (promise.iteration > 1) {
		CHECK(holds(data, 0, 8, promise.iteration - 1));
		CHECK(holds(bss, 0, 8, promise.iteration - 1));
	} else {
		CHECK(data[2] == 3 && is_zero(bss, 0, 8));
	}
	fill(data, 0, 8, promise.iteration);
	fill(bss, 0, 8, promise.iteration);
	CHECK(untouched[0] == 4 && untouched[2] == 6);
	CHECK(is_zero(untouched, 1, 7));
}

static const struct promise promises[] = {
	{ "written", set_up, check_written, NULL, 0 },
	{ "fresh", set_up_file, check_fresh, NULL, 0 },
	{ "tail", set_up_tail, check_tail, NULL, 0 },
	{ "beyond", set_up_beyond, check_beyond, NULL, 0 },
	{ "truncate", set_up_file, check_truncate, NULL, 0 },
	{ "dontneed", set_up, check_dontneed, NULL, 0 },
	{ "file-changes", set_up, check_file_changes, NULL, 0 },
	{ "fork", set_up, check_fork, NULL, 0 },
	{ "globals", NULL, check_globals, NULL, 0 },
};

PROMISE_MAIN(promises)
