/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings that are cut, split, protected, locked, grown and spread thin. */
#define _GNU_SOURCE
#include <pthread.h>

#include "promise.h"

#define NR_PAGES 24
#define THIRD (NR_PAGES / 3)

static char *area;

static void set_up_area(void)
{
	area = map_private(NR_PAGES);
	fill(area, 0, NR_PAGES, 0);
}

/* Takes a third away in one iteration; maps it again in the next one. */
static void check_unmap(void)
{
	size_t first = promise.variant * THIRD;
	uint64_t value = promise.iteration / 2;

	if (promise.iteration % 2 == 0) {
		CHECK(holds(area, 0, NR_PAGES, value - 1));
		fill(area, 0, NR_PAGES, value);
		unmap(area, first, THIRD);
		return;
	}
	if (promise.iteration == 1)
		return;
	CHECK(is_absent(area, first) && is_absent(area, first + THIRD - 1));
	CHECK(mmap(area + first * PAGE, THIRD * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		   0) == area + first * PAGE);
	CHECK(is_zero(area, first, THIRD));
	for (size_t page = 0; page < NR_PAGES; page++)
		if (page < first || page >= first + THIRD)
			CHECK(holds(area, page, 1, value));
	fill(area, first, THIRD, value);
}

static void protect(size_t first, size_t nr, int prot)
{
	CHECK(mprotect(area + first * PAGE, nr * PAGE, prot) == 0);
}

/* Mappings that show a part of the area. */
static unsigned count_parts(void)
{
	char line[512];
	unsigned long start, end, low = (unsigned long)area;
	unsigned count = 0;
	FILE *maps = fopen("/proc/self/maps", "r");

	CHECK(maps);
	while (fgets(line, sizeof(line), maps)) {
		CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2);
		count += start < low + NR_PAGES * PAGE && end > low;
	}
	fclose(maps);
	return count;
}

/* Every other page read-only, then all writable: no parts pile up. */
static void check_split(void)
{
	int is_split = promise.iteration % 2;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	if (!is_split) {
		CHECK(fault_of(area + PAGE, 1) == SIGSEGV);
		protect(0, NR_PAGES, PROT_READ | PROT_WRITE);
	}
	fill(area, 0, NR_PAGES, promise.iteration);
	for (size_t page = 1; is_split && page < NR_PAGES; page += 2)
		protect(page, 1, PROT_READ);
	/* The ends may be parts of a larger mapping. */
	CHECK(count_parts() <= NR_PAGES + 2);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

/* Write, read-only, iterations, writable, write: dirty bits stay behind. */
static void check_protect(void)
{
	uint64_t value = promise.iteration / 4;

	switch (promise.iteration % 4) {
	case 0:
		CHECK(holds(area, 0, NR_PAGES, value));
		protect(0, NR_PAGES, promise.variant);
		break;
	case 3:
		/* In the first turn nothing has been protected yet. */
		if (value > 0)
			CHECK(fault_of(area, 1) == SIGSEGV);
		protect(0, NR_PAGES, PROT_READ | PROT_WRITE);
		CHECK(holds(area, 0, NR_PAGES, value));
		fill(area, 0, NR_PAGES, value + 1);
		CHECK(holds(area, 0, NR_PAGES, value + 1));
		break;
	default:
		if (promise.variant != PROT_NONE)
			CHECK(holds(area, 0, NR_PAGES, value));
	}
}

/* The heap, beside malloc(), which does not run in between. */
static char *heap_end;

static void check_brk(void)
{
	char *end = sbrk(0);

	if (promise.iteration % 2) {
		heap_end = end;
		CHECK(sbrk((NR_PAGES + 1) * PAGE) == end);
		area = (char *)(((uintptr_t)end + PAGE - 1) & ~(PAGE - 1));
		CHECK(is_zero(area, 0, NR_PAGES));
		fill(area, 0, NR_PAGES, promise.iteration);
		return;
	}
	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	CHECK(sbrk(-(long)(NR_PAGES / 2 * PAGE)) == end);
	CHECK(sbrk(NR_PAGES / 2 * PAGE) == end - NR_PAGES / 2 * PAGE);
	CHECK(holds(area, 0, NR_PAGES / 2, promise.iteration - 1));
	CHECK(is_zero(area, NR_PAGES / 2 + 1, NR_PAGES / 2 - 1));
	CHECK(brk(heap_end) == 0);
}

/* Frames of more than a page each, checked on the way back. */
static __attribute__((noinline)) void descend(unsigned long depth)
{
	char room[2 * PAGE];
	char *page = (char *)(((uintptr_t)room + PAGE - 1) & ~(PAGE - 1));

	fill(page, 0, 1, promise.iteration + depth);
	if (depth > 0)
		descend(depth - 1);
	CHECK(holds(page, 0, 1, promise.iteration + depth));
}

static void check_recursion(void)
{
	/* Now and then deeper than ever before. */
	descend(16 + promise.iteration % 7 * 32 + promise.iteration % 100);
}

static void *descend_in_thread(void *depth)
{
	descend((uintptr_t)depth);
	return NULL;
}

/* A thread that lives all the time, and some that come and go. */
static volatile int is_over;
static volatile unsigned long resident_turns;
static pthread_t resident;

static void *stay(void *unused)
{
	char room[9 * PAGE];
	char *pages = (char *)(((uintptr_t)room + PAGE - 1) & ~(PAGE - 1));

	(void)unused;
	fill(pages, 0, 8, 0);
	for (unsigned long turn = 1; !is_over; turn++) {
		CHECK(holds(pages, 0, 8, turn - 1));
		fill(pages, 0, 8, turn);
		resident_turns = turn;
		usleep(1000);
	}
	return NULL;
}

static void set_up_threads(void)
{
	CHECK(pthread_create(&resident, NULL, stay, NULL) == 0);
}

static void check_threads(void)
{
	pthread_t threads[3];

	for (uintptr_t i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, descend_in_thread,
				     (void *)(8 * i + 4)) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static void end_threads(void)
{
	is_over = 1;
	CHECK(pthread_join(resident, NULL) == 0);
	CHECK(resident_turns > 0);
}

#define ROOM 4096
#define TOP 4

/* A mapping that grows when the page below it is touched. */
static void check_growsdown(void)
{
	static char *room;
	size_t depth = 8 + promise.iteration % 48;

	switch (promise.iteration % 3) {
	case 0:
		room = map_private(ROOM);
		unmap(room, 0, ROOM);
		area = room + (ROOM - TOP) * PAGE;
		CHECK(mmap(area, TOP * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE |
				   MAP_GROWSDOWN,
			   -1, 0) == area);
		fill(area, 0, TOP, promise.iteration);
		break;
	case 1:
		if (!room)
			break;
		for (size_t page = 1; page <= depth; page++)
			fill(area - page * PAGE, 0, 1, promise.iteration);
		CHECK(holds(area, 0, TOP, promise.iteration - 1));
		break;
	case 2:
		if (!room)
			break;
		depth = 8 + (promise.iteration - 1) % 48;
		for (size_t page = 1; page <= depth; page++)
			CHECK(holds(area - page * PAGE, 0, 1,
				    promise.iteration - 1));
		CHECK(holds(area, 0, TOP, promise.iteration - 2));
		unmap(room, 0, ROOM);
		break;
	}
}

#define SPARSE_STEP (4UL << 30)
#define SPARSE_TOUCHES 512
#define SPARSE_BYTES (SPARSE_STEP * SPARSE_TOUCHES)

/* 2 TiB of which a few pages exist. */
static void set_up_sparse(void)
{
	area = mmap(NULL, SPARSE_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(area != MAP_FAILED);
}

static void check_sparse(void)
{
	unsigned long i = promise.iteration;
	char *spot = area + i % SPARSE_TOUCHES * SPARSE_STEP;
	char *last = area + (i - 1) % SPARSE_TOUCHES * SPARSE_STEP;

	if (i > 1)
		CHECK(holds(last, 0, 1, i - 1));
	CHECK(i <= SPARSE_TOUCHES ? is_zero(spot, 0, 1) :
				   holds(spot, 0, 1, i - SPARSE_TOUCHES));
	CHECK(is_zero(spot + SPARSE_STEP / 2, 0, 1));
	fill(spot, 0, 1, i);
}

/* Address space without access, which is made use of in pieces. */
#define RESERVE_PIECES 64
#define RESERVE_PAGES 65536UL

static void set_up_reserve(void)
{
	area = mmap(NULL, RESERVE_PIECES * RESERVE_PAGES * PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(area != MAP_FAILED);
}

static void check_reserve(void)
{
	unsigned long i = promise.iteration;
	size_t mine = i % RESERVE_PIECES * RESERVE_PAGES;
	size_t last = (i - 1) % RESERVE_PIECES * RESERVE_PAGES;

	CHECK(fault_of(area + mine * PAGE, 0) == SIGSEGV);
	protect(mine, NR_PAGES, PROT_READ | PROT_WRITE);
	CHECK(is_zero(area, mine, NR_PAGES));
	fill(area + mine * PAGE, 0, NR_PAGES, i);
	if (i == 1)
		return;
	CHECK(holds(area + last * PAGE, 0, NR_PAGES, i - 1));
	CHECK(mmap(area + last * PAGE, NR_PAGES * PAGE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		   0) == area + last * PAGE);
}

static void check_mlock(void)
{
	char *locked;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	if (promise.iteration % 2)
		CHECK(mlock(area, NR_PAGES * PAGE) == 0);
	else
		CHECK(munlock(area, NR_PAGES / 2 * PAGE) == 0 &&
		      munlock(area, NR_PAGES * PAGE) == 0);
	fill(area, 0, NR_PAGES, promise.iteration);
	locked = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	CHECK(locked != MAP_FAILED && is_zero(locked, 0, NR_PAGES));
	unmap(locked, 0, NR_PAGES);
}

static void set_up_onfault(void)
{
	area = map_private(NR_PAGES);
	CHECK(mlock2(area, NR_PAGES * PAGE, MLOCK_ONFAULT) == 0);
	fill(area, 0, NR_PAGES / 2, 0);
}

/* Locked as it comes in; the upper half is written from the 8th one on. */
static void check_onfault(void)
{
	size_t nr = promise.iteration < 8 ? NR_PAGES / 2 : NR_PAGES;

	CHECK(holds(area, 0, NR_PAGES / 2, promise.iteration - 1));
	if (promise.iteration <= 8)
		CHECK(is_zero(area, NR_PAGES / 2, NR_PAGES / 2));
	fill(area, 0, nr, promise.iteration);
}

static void set_up_mlockall(void)
{
	set_up_area();
	CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
}

static void check_mlockall(void)
{
	static char *recent;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	fill(area, 0, NR_PAGES, promise.iteration);
	if (recent) {
		CHECK(holds(recent, 0, NR_PAGES, promise.iteration - 1));
		unmap(recent, 0, NR_PAGES);
	}
	recent = map_private(NR_PAGES);
	CHECK(is_zero(recent, 0, NR_PAGES));
	fill(recent, 0, NR_PAGES, promise.iteration);
}

static void check_msync(void)
{
	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	CHECK(msync(area, NR_PAGES * PAGE, MS_ASYNC) == 0);
	fill(area, 0, NR_PAGES, promise.iteration);
	CHECK(msync(area, NR_PAGES * PAGE, MS_SYNC) == 0);
	CHECK(msync(area, NR_PAGES * PAGE, MS_SYNC | MS_INVALIDATE) == 0);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

static void check_mincore(void)
{
	unsigned char vec[NR_PAGES];

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	fill(area, 0, NR_PAGES, promise.iteration);
	CHECK(mincore(area, NR_PAGES * PAGE, vec) == 0);
	for (size_t page = 0; page < NR_PAGES; page++)
		CHECK(vec[page] & 1);
}

static const struct promise promises[] = {
	{ "unmap-head", set_up_area, check_unmap, NULL, 0 },
	{ "unmap-middle", set_up_area, check_unmap, NULL, 1 },
	{ "unmap-tail", set_up_area, check_unmap, NULL, 2 },
	{ "split-merge", set_up_area, check_split, NULL, 0 },
	{ "protect-read", set_up_area, check_protect, NULL, PROT_READ },
	{ "protect-none", set_up_area, check_protect, NULL, PROT_NONE },
	{ "protect-exec", set_up_area, check_protect, NULL,
	  PROT_READ | PROT_EXEC },
	{ "brk", NULL, check_brk, NULL, 0 },
	{ "recursion", NULL, check_recursion, NULL, 0 },
	{ "thread-stacks", set_up_threads, check_threads, end_threads, 0 },
	{ "growsdown", NULL, check_growsdown, NULL, 0 },
	{ "sparse", set_up_sparse, check_sparse, NULL, 0 },
	{ "reserve", set_up_reserve, check_reserve, NULL, 0 },
	{ "mlock", set_up_area, check_mlock, NULL, 0 },
	{ "mlock-onfault", set_up_onfault, check_onfault, NULL, 0 },
	{ "mlockall", set_up_mlockall, check_mlockall, NULL, 0 },
	{ "msync", set_up_area, check_msync, NULL, 0 },
	{ "mincore", set_up_area, check_mincore, NULL, 0 },
};

PROMISE_MAIN(promises)
