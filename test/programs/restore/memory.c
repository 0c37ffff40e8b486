// SPDX-License-Identifier: Apache-2.0
/*
 * One mapping of each kind, which are checked on request: content, protection, flags, place. The
 * argument is a directory for files.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../check.h"

#define NR_PAGES 16

static char *anonymous, *read_only, *shared, *shared_again, *file_private, *file_shared, *memfd;
static char *locked, *hole, *no_access, *executable, *zeroed;
static int memfd_fd_pages;
static void *heap_end;
static sigjmp_buf escape;

static char *map_new(int prot, int flags, int fd)
{
	char *memory = mmap(NULL, NR_PAGES * PAGE, prot, flags, fd, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

static void fill(char *memory, char base)
{
	for (int i = 0; i < NR_PAGES; i += 2)
		memset(memory + i * PAGE, base + i, PAGE);
}

static void check_filled(const char *memory, char base)
{
	for (int i = 0; i < NR_PAGES; i++) {
		char expected = i % 2 ? 0 : base + i;

		CHECK(memory[i * PAGE] == expected && memory[i * PAGE + 4095] == expected);
	}
}

static void on_fault(int number)
{
	(void)number;
	siglongjmp(escape, 1);
}

static int faults(char *address, int is_write)
{
	if (sigsetjmp(escape, 1))
		return 1;
	if (is_write)
		*(volatile char *)address = 1;
	else
		(void)*(volatile char *)address;
	return 0;
}

static void set_up_files(const char *directory)
{
	char path[4096], content[PAGE];
	int fd;

	snprintf(path, sizeof(path), "%s/mapped", directory);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	for (int i = 0; i < NR_PAGES; i++) {
		memset(content, 'a' + i, PAGE);
		CHECK(write(fd, content, PAGE) == (long)PAGE);
	}
	file_private = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	file_shared = map_new(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	CHECK(close(fd) == 0);
	memset(file_private + PAGE, 'X', PAGE);
	memset(file_private + 3 * PAGE, 0, PAGE);
	CHECK(mprotect(file_private, NR_PAGES * PAGE, PROT_READ) == 0);
}

static void check_files(void)
{
	for (int i = 0; i < NR_PAGES; i++) {
		char expected = i == 1 ? 'X' : i == 3 ? 0 : 'a' + i;

		CHECK(file_private[i * PAGE] == expected);
		CHECK(file_shared[i * PAGE] == 'a' + i);
	}
	CHECK(faults(file_private, 1) && !faults(file_shared + 5, 1));
	file_shared[5] = 'a';
}

static void set_up(const char *directory)
{
	int fd = memfd_create("some name", 0);

	anonymous = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	fill(anonymous, 1);
	read_only = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	fill(read_only, 2);
	CHECK(mprotect(read_only, NR_PAGES * PAGE, PROT_READ) == 0);
	shared = map_new(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	fill(shared, 3);
	shared_again = mremap(shared, 0, NR_PAGES * PAGE, MREMAP_MAYMOVE);
	CHECK(shared_again != MAP_FAILED);
	CHECK(fd >= 0 && ftruncate(fd, NR_PAGES * PAGE) == 0);
	memfd = map_new(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	fill(memfd, 4);
	CHECK(munmap(memfd + 8 * PAGE, 8 * PAGE) == 0);
	memfd_fd_pages = 8;
	CHECK(close(fd) == 0);
	locked = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	fill(locked, 5);
	CHECK(mlock(locked, NR_PAGES * PAGE) == 0);
	CHECK(madvise(locked, NR_PAGES * PAGE, MADV_DONTDUMP) == 0);
	hole = mmap(NULL, 64UL << 30, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(hole != MAP_FAILED);
	hole[32UL << 30] = 9;
	no_access = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	fill(no_access, 6);
	CHECK(mprotect(no_access, NR_PAGES * PAGE, PROT_NONE) == 0);
	executable = map_new(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	/* mov $33, %eax; ret */
	memcpy(executable, "\xb8\x21\x00\x00\x00\xc3", 6);
	zeroed = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memset(zeroed, 0, NR_PAGES * PAGE);
	CHECK(sbrk(300 * 4096) != (void *)-1);
	heap_end = sbrk(0);
	memset((char *)heap_end - PAGE, 'h', PAGE);
	set_up_files(directory);
}

static int deep(int depth)
{
	volatile char frame[4000];

	frame[0] = depth;
	return depth == 0 ? 0 : deep(depth - 1) + frame[0] - depth % 256 + 1;
}

static void check(void)
{
	unsigned char in_core[NR_PAGES];

	check_filled(anonymous, 1);
	check_filled(read_only, 2);
	CHECK(faults(read_only, 1));
	check_filled(shared, 3);
	shared_again[77] = 55;
	CHECK(shared[77] == 55);
	shared[77] = 3;
	for (int i = 0; i < memfd_fd_pages; i++)
		CHECK(memfd[i * PAGE] == (i % 2 ? 0 : 4 + i));
	check_filled(locked, 5);
	CHECK(mincore(locked, NR_PAGES * PAGE, in_core) == 0);
	for (int i = 0; i < NR_PAGES; i++)
		CHECK(in_core[i] & 1);
	CHECK(hole[32UL << 30] == 9 && hole[0] == 0 && hole[5UL << 30] == 0);
	CHECK(faults(no_access, 0));
	CHECK(mprotect(no_access, NR_PAGES * PAGE, PROT_READ) == 0);
	check_filled(no_access, 6);
	CHECK(mprotect(no_access, NR_PAGES * PAGE, PROT_NONE) == 0);
	CHECK(((int (*)(void))executable)() == 33);
	for (int i = 0; i < NR_PAGES; i++)
		CHECK(zeroed[i * PAGE] == 0);
	CHECK(sbrk(0) == heap_end && ((char *)heap_end)[-1] == 'h');
	CHECK(sbrk(4096) == heap_end && sbrk(-4096) != (void *)-1);
	check_files();
	CHECK(getauxval(AT_PAGESZ) == PAGE);
	deep(400);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_fault };
	char line[64];

	CHECK(argc == 2);
	setvbuf(stdout, NULL, _IONBF, 0);
	/* No buffer, which would come from the heap. */
	setvbuf(stdin, NULL, _IONBF, 0);
	sigaction(SIGSEGV, &action, NULL);
	set_up(argv[1]);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		check();
		puts("right");
	}
	return 0;
}
