// SPDX-License-Identifier: Apache-2.0
/*
 * waits SECONDS: a thread in each kind of timed wait, for that long, and two in reads without an end:
 * each prints its name, result, errno and how many milliseconds it took. A line on stdin lets the
 * reads end.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"

static int seconds, ends[2], counter, set;

static long wait_nanosleep(struct timespec *left)
{
	return syscall(SYS_nanosleep, left, NULL);
}

static long wait_remaining(struct timespec *left)
{
	struct timespec rest;

	return syscall(SYS_nanosleep, left, &rest);
}

static long wait_clock(struct timespec *left)
{
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, left, NULL);
}

static long wait_absolute(struct timespec *left)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += left->tv_sec;
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

static long wait_poll(struct timespec *left)
{
	return syscall(SYS_poll, NULL, 0, (int)left->tv_sec * 1000);
}

static long wait_ppoll(struct timespec *left)
{
	return syscall(SYS_ppoll, NULL, 0, left, NULL, 8);
}

static long wait_select(struct timespec *left)
{
	struct timeval time = { .tv_sec = left->tv_sec };

	return syscall(SYS_select, 0, NULL, NULL, NULL, &time);
}

static long wait_pselect(struct timespec *left)
{
	return syscall(SYS_pselect6, 0, NULL, NULL, NULL, left, NULL);
}

static long wait_epoll(struct timespec *left)
{
	struct epoll_event event;

	return syscall(SYS_epoll_wait, set, &event, 1, (int)left->tv_sec * 1000);
}

static long wait_futex(struct timespec *left)
{
	static int word;

	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, left, NULL, 0);
}

static long wait_pipe(struct timespec *left)
{
	char bytes[8];

	(void)left;
	return read(ends[0], bytes, sizeof(bytes));
}

static long wait_eventfd(struct timespec *left)
{
	unsigned long value;

	(void)left;
	return read(counter, &value, sizeof(value));
}

static const struct {
	const char *name;
	long (*wait)(struct timespec *left);
} waits[] = {
	{ "nanosleep", wait_nanosleep },
	{ "remaining", wait_remaining },
	{ "clock_nanosleep", wait_clock },
	{ "absolute", wait_absolute },
	{ "poll", wait_poll },
	{ "ppoll", wait_ppoll },
	{ "select", wait_select },
	{ "pselect6", wait_pselect },
	{ "epoll_wait", wait_epoll },
	{ "futex", wait_futex },
	{ "pipe", wait_pipe },
	{ "eventfd", wait_eventfd },
};

#define NR_WAITS (sizeof(waits) / sizeof(waits[0]))

static void *run(void *arg)
{
	unsigned long index = (unsigned long)arg;
	struct timespec start, end, left = { .tv_sec = seconds };
	long result;
	int error;

	clock_gettime(CLOCK_MONOTONIC, &start);
	errno = 0;
	result = waits[index].wait(&left);
	error = errno;
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%s %ld %s %ld\n", waits[index].name, result, error ? strerrorname_np(error) : "0",
	       (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[NR_WAITS];
	char line[64];

	seconds = argc > 1 ? atoi(argv[1]) : 1;
	setlinebuf(stdout);
	CHECK(pipe(ends) == 0);
	counter = eventfd(0, 0);
	set = epoll_create1(0);
	CHECK(counter >= 0 && set >= 0);
	for (unsigned long i = 0; i < NR_WAITS; i++)
		CHECK(pthread_create(&threads[i], NULL, run, (void *)i) == 0);
	puts("ready");
	CHECK(fgets(line, sizeof(line), stdin));
	CHECK(write(ends[1], "hello", 5) == 5 && eventfd_write(counter, 5) == 0);
	for (unsigned long i = 0; i < NR_WAITS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	puts("done");
	return 0;
}
