// SPDX-License-Identifier: Apache-2.0
/*
 * Pipes with something in them, eventfds that have counted, an epoll set that waits for both, and
 * descriptors that share an open file. What is in them is checked once, on request.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../check.h"

#define MUCH 300000

static int ends[2], large[2], ended[2], deaf[2], twice[4], counter, semaphore, set, again;

/* Several open files of each end, with flags of their own. */
static void open_twice(void)
{
	char path[64];

	CHECK(pipe(twice) == 0 && write(twice[1], "twice", 5) == 5);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", twice[i]);
		twice[2 + i] = open(path, (i == 0 ? O_RDONLY : O_WRONLY) | O_NONBLOCK);
		CHECK(twice[2 + i] >= 0);
	}
}

static void check_twice(void)
{
	char bytes[16];

	for (int i = 0; i < 4; i++)
		CHECK(!(fcntl(twice[i], F_GETFL) & O_NONBLOCK) == (i < 2));
	CHECK(read(twice[0], bytes, 3) == 3 && memcmp(bytes, "twi", 3) == 0);
	CHECK(write(twice[3], "!", 1) == 1);
	CHECK(read(twice[2], bytes, 16) == 3 && memcmp(bytes, "ce!", 3) == 0);
	CHECK(close(twice[1]) == 0 && read(twice[2], bytes, 16) == -1 && errno == EAGAIN);
	CHECK(close(twice[3]) == 0 && read(twice[0], bytes, 16) == 0);
}

static void set_up(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0xfedcba9876543210UL };
	char *much = malloc(MUCH);

	CHECK(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
	CHECK(write(ends[1], "hello", 5) == 5);
	CHECK(pipe(large) == 0 && fcntl(large[1], F_SETPIPE_SZ, 1 << 19) >= MUCH);
	memset(much, 'm', MUCH);
	CHECK(write(large[1], much, MUCH) == MUCH);
	free(much);
	CHECK(pipe(ended) == 0 && write(ended[1], "last", 4) == 4 && close(ended[1]) == 0);
	CHECK(pipe2(deaf, O_NONBLOCK) == 0 && close(deaf[0]) == 0);
	open_twice();
	counter = eventfd(0, EFD_NONBLOCK);
	semaphore = eventfd(3, EFD_SEMAPHORE);
	CHECK(counter >= 0 && semaphore >= 0);
	CHECK(eventfd_write(counter, 0x123456789abcUL) == 0);
	set = epoll_create1(EPOLL_CLOEXEC);
	CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == 0);
	event.data.u64 = 2;
	event.events = EPOLLIN | EPOLLET;
	CHECK(epoll_ctl(set, EPOLL_CTL_ADD, semaphore, &event) == 0);
	again = dup2(ends[0], 77);
	CHECK(again == 77);
}

static void check_pipes(void)
{
	char *much = malloc(MUCH + 1);
	long length = 0;

	CHECK(fcntl(ends[0], F_GETFD) == FD_CLOEXEC && fcntl(77, F_GETFD) == 0);
	CHECK(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
	CHECK(read(ends[0], much, 2) == 2 && memcmp(much, "he", 2) == 0);
	CHECK(read(again, much, 100) == 3 && memcmp(much, "llo", 3) == 0);
	CHECK(read(ends[0], much, 1) == -1 && errno == EAGAIN);
	CHECK(fcntl(large[0], F_GETPIPE_SZ) == 1 << 19);
	while (length < MUCH)
		length += read(large[0], much + length, MUCH + 1 - length);
	CHECK(length == MUCH && much[0] == 'm' && much[MUCH - 1] == 'm');
	CHECK(read(ended[0], much, 10) == 4 && memcmp(much, "last", 4) == 0);
	CHECK(read(ended[0], much, 10) == 0);
	CHECK(write(deaf[1], "x", 1) == -1 && errno == EPIPE);
	free(much);
}

static void check(void)
{
	struct epoll_event events[4];
	eventfd_t value;
	int count = epoll_wait(set, events, 4, 0);

	CHECK(count == 2);
	CHECK(events[0].data.u64 + events[1].data.u64 == 0xfedcba9876543212UL);
	check_pipes();
	check_twice();
	CHECK(eventfd_read(counter, &value) == 0 && value == 0x123456789abcUL);
	CHECK(eventfd_read(counter, &value) == -1 && errno == EAGAIN);
	for (int i = 0; i < 3; i++)
		CHECK(eventfd_read(semaphore, &value) == 0 && value == 1);
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(epoll_wait(set, events, 4, 1000) == 1);
	CHECK(events[0].data.u64 == 0xfedcba9876543210UL);
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	set_up();
	puts("ready");
	if (fgets(line, sizeof(line), stdin)) {
		check();
		puts("right");
	}
	return 0;
}
