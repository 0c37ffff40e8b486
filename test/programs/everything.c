/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target that maps one of everything and then does nothing, so that what the
 * kernel tells about its mappings can be compared with what it tells of a twin:
 *
 *   everything DIRECTORY    files go there
 *
 * Prints `ready`, then the address of sixteen pages that hold a known content:
 * page i is filled with the byte 'a' + i. Commands, one per line:
 *
 *   abort    dump core
 *   q        exit
 */
#define _GNU_SOURCE
#include <linux/mempolicy.h>
#include <sys/personality.h>

#include "promise.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define NR_PAGES 16

static const int advices[] = {
	MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_DONTFORK,
	MADV_WIPEONFORK, MADV_DONTDUMP, MADV_MERGEABLE, MADV_HUGEPAGE,
	MADV_NOHUGEPAGE,
};

/* Written in part, so that residency has something to say. */
static char *keep(char *memory)
{
	CHECK(memory != MAP_FAILED);
	fill(memory, 0, NR_PAGES / 2, 1);
	/* Apart from the next one, or the kernel would merge them. */
	CHECK(mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	      MAP_FAILED);
	return memory;
}

static void map_advised(void)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(*advices); i++) {
		char *memory = keep(map_private(NR_PAGES));

		/* KSM, huge pages: a kernel may be built without. */
		if (madvise(memory, NR_PAGES * PAGE, advices[i]))
			CHECK(errno == EINVAL);
	}
}

static void map_protected(void)
{
	for (int prot = 0; prot < 8; prot++)
		CHECK(mprotect(keep(map_private(NR_PAGES)), NR_PAGES * PAGE,
			       prot) == 0);
}

static void map_flagged(void)
{
	int flags[] = { MAP_NORESERVE, MAP_STACK, MAP_LOCKED, MAP_GROWSDOWN,
			MAP_POPULATE };
	char *memory;

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		keep(map_with(NR_PAGES, MAP_PRIVATE | MAP_ANONYMOUS | flags[i],
			      -1));
	memory = keep(map_private(NR_PAGES));
	CHECK(mlock2(memory, NR_PAGES * PAGE, MLOCK_ONFAULT) == 0);
	memory = keep(map_private(NR_PAGES));
	/* A kernel without names says EINVAL. */
	if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, memory, NR_PAGES * PAGE,
		  "name"))
		CHECK(errno == EINVAL);
}

static void map_with_policy(void)
{
	int modes[] = { MPOL_BIND, MPOL_PREFERRED, MPOL_INTERLEAVE };

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		unsigned long nodes = 1;

		CHECK(syscall(SYS_mbind, keep(map_private(NR_PAGES)),
			      NR_PAGES * PAGE, modes[i], &nodes, 8, 0) == 0);
	}
}

static void map_files(const char *directory)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/mapped", directory);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	file_fill(fd, 0, NR_PAGES, 1);
	for (int prot = 1; prot < 8; prot++) {
		char *own = keep(map_with(NR_PAGES, MAP_PRIVATE, fd));
		char *both = keep(map_with(NR_PAGES, MAP_SHARED, fd));

		CHECK(mprotect(own, NR_PAGES * PAGE, prot) == 0);
		CHECK(mprotect(both, NR_PAGES * PAGE, prot) == 0);
	}
}

static void map_segments(void)
{
	int fd = make_memfd(NR_PAGES);

	keep(map_with(NR_PAGES, MAP_SHARED, fd));
	keep(map_with(NR_PAGES, MAP_PRIVATE, fd));
	keep(map_with(NR_PAGES, MAP_SHARED | MAP_ANONYMOUS, -1));
}

/* Parts of one mapping, of which some have no pages. */
static void map_holes(void)
{
	char *memory = keep(map_private(64 * NR_PAGES));

	fill(memory, 20 * NR_PAGES, 3, 1);
	unmap(memory, 10 * NR_PAGES, NR_PAGES);
	CHECK(mprotect(memory + 30 * NR_PAGES * PAGE, PAGE, PROT_READ) == 0);
	CHECK(mprotect(memory + 31 * NR_PAGES * PAGE, PAGE, PROT_NONE) == 0);
}

/* Starts the program again, without randomised addresses. */
static void settle_addresses(char **argv)
{
	int old = personality(0xffffffff);

	if (old & ADDR_NO_RANDOMIZE)
		return;
	CHECK(personality(old | ADDR_NO_RANDOMIZE) != -1);
	execv(argv[0], argv);
	CHECK(!"exec");
}

int main(int argc, char **argv)
{
	char *known, command[16];

	CHECK(argc == 2);
	settle_addresses(argv);
	map_advised();
	map_protected();
	map_flagged();
	map_with_policy();
	map_files(argv[1]);
	map_segments();
	map_holes();
	CHECK(sbrk(NR_PAGES * PAGE) != (void *)-1);
	known = map_private(NR_PAGES);
	for (size_t i = 0; i < NR_PAGES; i++)
		memset(known + i * PAGE, 'a' + i, PAGE);
	printf("ready\n%lx\n", (unsigned long)known);
	fflush(stdout);
	CHECK(fgets(command, sizeof(command), stdin));
	if (!strcmp(command, "abort\n"))
		abort();
	return 0;
}
