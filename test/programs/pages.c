/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target that does with its memory what it is told, one line a command:
 *
 *   map BYTES                       private anonymous memory; prints its address
 *   write ADDRESS FIRST NR STEP V   writes V into NR pages, each STEP pages on
 *   sum ADDRESS NR                  reads NR pages; prints the sum of their values
 *   dontneed ADDRESS BYTES
 *   unmap ADDRESS BYTES
 *   resize ADDRESS OLD NEW          mremap, in place
 *   file ADDRESS BYTES PATH         maps a file, private, at the address (0: any)
 *   protect ADDRESS BYTES rw|r|none
 *   comb ADDRESS NR                 makes every second one of NR pages read-only
 *   start NR BYTES                  NR threads that write and check BYTES each
 *   check                           prints writes done and errors seen by them
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PAGE 4096UL

static atomic_ulong nr_writes, nr_errors;

static void *map(size_t bytes)
{
	void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (address == MAP_FAILED)
		exit(1);
	return address;
}

/* Every page holds the number of its last write; a lost or torn one shows. */
static void *write_and_check(void *arg)
{
	size_t pages = (size_t)arg / PAGE;
	uint64_t *memory = map(pages * PAGE);
	uint64_t *expected = calloc(pages, sizeof(*expected));
	uint64_t state = (uintptr_t)memory | 1;

	for (uint64_t n = 1;; n++) {
		size_t page, at;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		page = state % pages;
		at = page * (PAGE / 8) + (state >> 32) % 8 * 64;
		if (memory[page * (PAGE / 8)] != expected[page])
			atomic_fetch_add(&nr_errors, 1);
		memory[at] = n;
		memory[page * (PAGE / 8)] = n;
		expected[page] = n;
		atomic_fetch_add(&nr_writes, 1);
	}
	return NULL;
}

static void start_threads(int nr, size_t bytes)
{
	pthread_t thread;

	while (nr--)
		if (pthread_create(&thread, NULL, write_and_check,
				   (void *)bytes))
			exit(1);
}

static unsigned long sum(const char *base, unsigned long nr)
{
	unsigned long total = 0;

	for (unsigned long i = 0; i < nr; i++)
		total += *(const volatile uint64_t *)(base + i * PAGE);
	return total;
}

static int protection(const char *name)
{
	return !strcmp(name, "rw") ? PROT_READ | PROT_WRITE :
	       !strcmp(name, "r")  ? PROT_READ :
				     PROT_NONE;
}

static void *map_file(void *address, size_t bytes, const char *path)
{
	int fd = open(path, O_RDONLY);
	void *memory = mmap(address, bytes, PROT_READ, MAP_PRIVATE |
			    (address ? MAP_FIXED : 0), fd, 0);

	close(fd);
	if (memory == MAP_FAILED)
		exit(1);
	return memory;
}

static int comb(char *memory, size_t pages)
{
	for (size_t i = 1; i < pages; i += 2)
		if (mprotect(memory + i * PAGE, PAGE, PROT_READ))
			return -1;
	return 0;
}

static void obey(const char *line)
{
	unsigned long a = 0, b = 0, c = 0, d = 0, e = 0;
	char name[16], mode[8], path[200];

	if (sscanf(line, "file %lx %lu %199s", &a, &b, path) == 3) {
		printf("%lx\n", (unsigned long)map_file((void *)a, b, path));
		return;
	}
	if (sscanf(line, "protect %lx %lu %7s", &a, &b, mode) == 3) {
		printf("%d\n", mprotect((void *)a, b, protection(mode)));
		return;
	}
	sscanf(line, "%15s", name);
	if (!strcmp(name, "map")) {
		sscanf(line, "map %lu", &a);
		printf("%lx\n", (unsigned long)map(a));
	} else if (!strcmp(name, "write")) {
		sscanf(line, "write %lx %lu %lu %lu %lu", &a, &b, &c, &d, &e);
		for (unsigned long i = 0; i < c; i++)
			*(volatile uint64_t *)(a + (b + i * d) * PAGE) = e;
		puts("ok");
	} else if (!strcmp(name, "sum")) {
		sscanf(line, "sum %lx %lu", &a, &b);
		printf("%lu\n", sum((char *)a, b));
	} else if (!strcmp(name, "comb")) {
		sscanf(line, "comb %lx %lu", &a, &b);
		printf("%d\n", comb((char *)a, b));
	} else if (!strcmp(name, "dontneed")) {
		sscanf(line, "dontneed %lx %lu", &a, &b);
		printf("%d\n", madvise((void *)a, b, MADV_DONTNEED));
	} else if (!strcmp(name, "unmap")) {
		sscanf(line, "unmap %lx %lu", &a, &b);
		printf("%d\n", munmap((void *)a, b));
	} else if (!strcmp(name, "resize")) {
		sscanf(line, "resize %lx %lu %lu", &a, &b, &c);
		printf("%d\n", mremap((void *)a, b, c, 0) == (void *)a ? 0 : -1);
	} else if (!strcmp(name, "start")) {
		sscanf(line, "start %lu %lu", &a, &b);
		start_threads(a, b);
		puts("ok");
	} else if (!strcmp(name, "check")) {
		printf("%lu %lu\n", atomic_load(&nr_writes),
		       atomic_load(&nr_errors));
	} else {
		puts("?");
	}
}

int main(void)
{
	char line[256];

	setlinebuf(stdout);
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}
