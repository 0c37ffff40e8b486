/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocked nanosleep|poll|read|futex [SECONDS]: blocks in one system call and prints its result, errno
 * and how many milliseconds it took. poll and read end with a line on stdin, the others after 300 ms
 * or SECONDS.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct timespec time_to_wait = { .tv_nsec = 300 * 1000 * 1000 };

static long block(const char *how)
{
	static int futex;
	struct pollfd poll_stdin = { .fd = 0, .events = POLLIN };
	char line[64];

	if (strcmp(how, "nanosleep") == 0)
		return nanosleep(&time_to_wait, NULL);
	if (strcmp(how, "poll") == 0)
		return poll(&poll_stdin, 1, 60 * 1000);
	if (strcmp(how, "read") == 0)
		return read(0, line, sizeof(line));
	return syscall(SYS_futex, &futex, FUTEX_WAIT, 0, &time_to_wait, NULL, 0);
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	long result;
	int error;

	if (argc > 2)
		time_to_wait = (struct timespec){ .tv_sec = atoi(argv[2]) };
	setlinebuf(stdout);
	puts("ready");
	clock_gettime(CLOCK_MONOTONIC, &start);
	errno = 0;
	result = block(argc > 1 ? argv[1] : "read");
	error = errno;
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%ld %s %ld\n", result, error ? strerrorname_np(error) : "0",
	       (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
	return 0;
}
