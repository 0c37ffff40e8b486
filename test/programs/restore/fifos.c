// SPDX-License-Identifier: Apache-2.0
/*
 * Named pipes in the directory that is given: with both ends and something in them, with a reader
 * alone, with a writer alone, and by a descriptor for both. What is in them is checked once, on
 * request.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"

static const char *directory;
static int ends[2], waits, left, ended, alone, both, again;

static int open_fifo(const char *name, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	CHECK(mkfifo(path, 0600) == 0 || errno == EEXIST);
	fd = open(path, flags);
	CHECK(fd >= 0);
	return fd;
}

static void set_up(void)
{
	int writer;

	ends[0] = open_fifo("ends", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ends[1] = open_fifo("ends", O_WRONLY);
	CHECK(fcntl(ends[1], F_SETPIPE_SZ, 1 << 17) == 1 << 17);
	CHECK(write(ends[1], "hello", 5) == 5);
	CHECK(fcntl(ends[0], F_SETFL, 0) == 0);
	again = dup(ends[0]);
	waits = open_fifo("waits", O_RDONLY | O_NONBLOCK);
	left = open_fifo("left", O_RDONLY | O_NONBLOCK);
	writer = open_fifo("left", O_WRONLY);
	CHECK(write(writer, "last words", 10) == 10 && close(writer) == 0);
	ended = open_fifo("ended", O_RDONLY | O_NONBLOCK);
	CHECK(close(open_fifo("ended", O_WRONLY)) == 0);
	both = open_fifo("both", O_RDWR);
	CHECK(write(both, "me", 2) == 2);
	writer = open_fifo("alone", O_RDONLY | O_NONBLOCK);
	alone = open_fifo("alone", O_WRONLY);
	CHECK(close(writer) == 0);
}

static void check_ends(void)
{
	char text[32];

	CHECK(fcntl(ends[0], F_GETFD) == FD_CLOEXEC && fcntl(again, F_GETFD) == 0);
	CHECK((fcntl(ends[0], F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == O_RDONLY);
	CHECK((fcntl(ends[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == O_WRONLY);
	CHECK(fcntl(ends[0], F_GETPIPE_SZ) == 1 << 17);
	CHECK(read(ends[0], text, 2) == 2 && memcmp(text, "he", 2) == 0);
	CHECK(read(again, text, sizeof(text)) == 3 && memcmp(text, "llo", 3) == 0);
	CHECK(close(ends[1]) == 0 && read(again, text, 1) == 0);
}

static void check(void)
{
	struct pollfd event = { .fd = waits, .events = POLLIN };
	char text[32];

	check_ends();
	CHECK(fcntl(waits, F_GETFL) & O_NONBLOCK);
	CHECK(poll(&event, 1, 0) == 0);
	event.fd = ended;
	CHECK(poll(&event, 1, 0) == 1 && (event.revents & POLLHUP));
	event.fd = waits;
	CHECK(read(left, text, sizeof(text)) == 10 && memcmp(text, "last words", 10) == 0);
	CHECK(read(left, text, 1) == 0);
	CHECK(read(both, text, sizeof(text)) == 2 && memcmp(text, "me", 2) == 0);
	CHECK(write(alone, "x", 1) == -1 && errno == EPIPE);
	/* It is still the one of that name. */
	CHECK(write(open_fifo("waits", O_WRONLY), "new", 3) == 3);
	CHECK(poll(&event, 1, 0) == 1 && read(waits, text, 3) == 3);
}

int main(int argc, char **argv)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(argc == 2);
	directory = argv[1];
	signal(SIGPIPE, SIG_IGN);
	set_up();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		switch (line[0]) {
		case 'p':
			break;
		default:
			check();
		}
		puts("right");
	}
	return 0;
}
