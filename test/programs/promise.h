/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a program that checks in an endless loop what the kernel promises
 * it, while it is tracked or not:
 *
 *   FAMILY                 lists the promises, one per line
 *   FAMILY PROMISE [ARG]   sets up, prints `ready`, checks until told to end
 *
 * Lines on standard input, looked at after each iteration:
 *
 *   +N    answer `at ITERATIONS` once N more iterations are done
 *   q     print `ok ITERATIONS` and exit with status 0; so does end-of-file
 *
 * A promise that is not kept prints file and line, and ends the program with
 * status 1. Everything a program owns has a content that follows from the number
 * of the iteration, so that nothing has to be remembered elsewhere.
 */
#ifndef TRACKER_TEST_PROMISE_H
#define TRACKER_TEST_PROMISE_H

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

struct promise {
	const char *name;
	void (*set_up)(void);		/* or NULL */
	void (*check)(void);		/* one iteration */
	void (*tear_down)(void);	/* or NULL */
	int variant;			/* for those that share their functions */
};

static struct {
	unsigned long iteration;	/* from 1 on */
	unsigned long report_at;	/* 0: nobody asks */
	int is_ending;
	int variant;
	const char *argument;		/* what followed the promise's name */
	char *ballast;
} promise;

/* Content of a page: `value` is what the caller counts, `page` where it is. */
static inline uint64_t page_word(uint64_t value, size_t page)
{
	return value * 0x9e3779b97f4a7c15 + page * 0xd1b54a32d192ed03 + 1;
}

/* Writes pages first to first + nr of the memory at base, each byte of them. */
static inline void fill(char *base, size_t first, size_t nr, uint64_t value)
{
	for (size_t page = first; page < first + nr; page++) {
		volatile uint64_t *words =
			(volatile uint64_t *)(base + page * PAGE);

		for (size_t i = 0; i < PAGE / 8; i++)
			words[i] = page_word(value, page) + i;
	}
}

/* Whether those pages are as fill() with the same value has left them. */
static inline int holds(const char *base, size_t first, size_t nr,
			uint64_t value)
{
	for (size_t page = first; page < first + nr; page++) {
		const volatile uint64_t *words =
			(const volatile uint64_t *)(base + page * PAGE);

		for (size_t i = 0; i < PAGE / 8; i++)
			if (words[i] != page_word(value, page) + i)
				return 0;
	}
	return 1;
}

static inline int is_zero(const char *base, size_t first, size_t nr)
{
	const volatile uint64_t *words =
		(const volatile uint64_t *)(base + first * PAGE);

	for (size_t i = 0; i < nr * PAGE / 8; i++)
		if (words[i])
			return 0;
	return 1;
}

static inline char *map_with(size_t nr, int flags, int fd)
{
	char *memory = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE, flags, fd,
			    0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

static inline char *map_private(size_t nr)
{
	return map_with(nr, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static inline void unmap(char *base, size_t first, size_t nr)
{
	CHECK(munmap(base + first * PAGE, nr * PAGE) == 0);
}

/* Whether nothing is mapped at that page: mincore() touches nothing. */
static inline int is_absent(const char *base, size_t page)
{
	unsigned char vec;

	return mincore((char *)base + page * PAGE, PAGE, &vec) == -1 &&
	       errno == ENOMEM;
}

static sigjmp_buf fault_jump;

static inline void fault_handler(int signal)
{
	siglongjmp(fault_jump, signal);
}

/* The signal that an access brings, 0 if it succeeds. */
static inline int fault_of(volatile char *address, int is_write)
{
	struct sigaction action = { .sa_handler = fault_handler }, old[2];
	int signal;

	CHECK(sigaction(SIGSEGV, &action, &old[0]) == 0);
	CHECK(sigaction(SIGBUS, &action, &old[1]) == 0);
	signal = sigsetjmp(fault_jump, 1);
	if (signal == 0) {
		char byte = *address;

		if (is_write)
			*address = byte;
	}
	sigaction(SIGSEGV, &old[0], NULL);
	sigaction(SIGBUS, &old[1], NULL);
	return signal;
}

/* fork(), of a child that does not survive its parent. */
static inline pid_t fork_child(void)
{
	pid_t parent = getpid(), pid = fork();

	CHECK(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have ended before it could be asked for. */
	if (getppid() != parent)
		_exit(0);
	return 0;
}

/* Waits for a child, which must have found everything right. */
static inline void expect_success(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

/* A door between processes: await() returns once per open_door(). */
struct door {
	int ends[2];
};

static inline struct door make_door(void)
{
	struct door door;

	CHECK(pipe(door.ends) == 0);
	return door;
}

static inline void open_door(struct door door)
{
	CHECK(write(door.ends[1], "", 1) == 1);
}

static inline void await(struct door door)
{
	char byte;

	CHECK(read(door.ends[0], &byte, 1) == 1);
}

static inline void close_door(struct door door)
{
	close(door.ends[0]);
	close(door.ends[1]);
}

/* A file of nr pages, filled with a value, without a name. */
static inline int make_file(const char *directory, size_t nr, uint64_t value)
{
	int fd = open(directory, O_TMPFILE | O_RDWR, 0600);
	char page[PAGE] __attribute__((aligned(8)));

	CHECK(fd >= 0);
	for (size_t i = 0; i < nr; i++) {
		for (size_t word = 0; word < PAGE / 8; word++)
			((uint64_t *)page)[word] = page_word(value, i) + word;
		CHECK(pwrite(fd, page, PAGE, i * PAGE) == PAGE);
	}
	return fd;
}

static inline int make_memfd(size_t nr)
{
	int fd = memfd_create("promise", 0);

	CHECK(fd >= 0 && ftruncate(fd, nr * PAGE) == 0);
	return fd;
}

/* Whether pages of a file are as fill() has left them in a mapping. */
static inline int file_holds(int fd, size_t first, size_t nr, uint64_t value)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));

	for (size_t i = first; i < first + nr; i++) {
		CHECK(pread(fd, page, PAGE, i * PAGE) == PAGE);
		if (!holds(page - i * PAGE, i, 1, value))
			return 0;
	}
	return 1;
}

/* pwrite() of pages with fill()'s content. */
static inline void file_fill(int fd, size_t first, size_t nr, uint64_t value)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));

	for (size_t i = first; i < first + nr; i++) {
		fill(page - i * PAGE, i, 1, value);
		CHECK(pwrite(fd, page, PAGE, i * PAGE) == PAGE);
	}
}

#define BALLAST_PAGES 64
#define BALLAST_STEP 8

/*
 * Memory beside what a promise is about. Page p is written in each iteration i
 * with i % BALLAST_STEP == p % BALLAST_STEP.
 */
static inline void check_ballast(void)
{
	for (unsigned long p = 0; p < BALLAST_PAGES; p++) {
		unsigned long last = promise.iteration - 1, value = 0;

		if (last >= p % BALLAST_STEP)
			value = last - (last - p) % BALLAST_STEP;
		CHECK(holds(promise.ballast, p, 1, value));
		if (promise.iteration % BALLAST_STEP == p % BALLAST_STEP)
			fill(promise.ballast, p, 1, promise.iteration);
	}
}

static inline void take_command(const char *line)
{
	if (line[0] == '+')
		promise.report_at = promise.iteration + strtoul(line + 1, 0, 10);
	else
		promise.is_ending = 1;
}

static inline void take_commands(void)
{
	static char line[32];
	static size_t length;
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	while (!promise.is_ending && poll(&input, 1, 0) > 0) {
		CHECK(length < sizeof(line));
		if (read(STDIN_FILENO, line + length, 1) != 1) {
			promise.is_ending = 1;
		} else if (line[length++] == '\n') {
			line[length - 1] = 0;
			length = 0;
			take_command(line);
		}
	}
}

static inline void promise_run(const struct promise *self)
{
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	promise.variant = self->variant;
	promise.ballast = map_private(BALLAST_PAGES);
	fill(promise.ballast, 0, BALLAST_PAGES, 0);
	if (self->set_up)
		self->set_up();
	dprintf(STDOUT_FILENO, "ready\n");
	while (!promise.is_ending) {
		promise.iteration++;
		check_ballast();
		self->check();
		if (promise.iteration == promise.report_at)
			dprintf(STDOUT_FILENO, "at %lu\n", promise.iteration);
		take_commands();
	}
	if (self->tear_down)
		self->tear_down();
	dprintf(STDOUT_FILENO, "ok %lu\n", promise.iteration);
}

static inline int promise_main(int argc, char **argv,
			       const struct promise *promises, size_t nr)
{
	if (argc > 2)
		promise.argument = argv[2];
	for (size_t i = 0; i < nr; i++) {
		if (argc < 2) {
			puts(promises[i].name);
		} else if (!strcmp(promises[i].name, argv[1])) {
			promise_run(&promises[i]);
			return 0;
		}
	}
	return argc >= 2;
}

#define PROMISE_MAIN(promises)                                                 \
	int main(int argc, char **argv)                                        \
	{                                                                      \
		return promise_main(argc, argv, promises,                      \
				    sizeof(promises) / sizeof(*(promises)));   \
	}

#endif
