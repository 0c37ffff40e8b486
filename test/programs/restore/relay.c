// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a program in a session of its own on a new pseudo-terminal, and carries what it says and is
 * told from and to the standard streams. Ends with its status. Lines are told without echo.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../check.h"

/* Before anything can be told: there is no echo of the first line either. */
static int open_slave(int master)
{
	struct termios settings;
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);

	CHECK(slave >= 0 && tcgetattr(slave, &settings) == 0);
	settings.c_lflag &= ~ECHO;
	settings.c_oflag &= ~OPOST;
	CHECK(tcsetattr(slave, TCSANOW, &settings) == 0);
	return slave;
}

static void run(int slave, char **argv)
{
	CHECK(setsid() == getpid() && ioctl(slave, TIOCSCTTY, 0) == 0);
	CHECK(dup2(slave, 0) == 0 && dup2(slave, 1) == 1 && dup2(slave, 2) == 2);
	CHECK(close_range(3, ~0U, 0) == 0);
	execvp(argv[0], argv);
	CHECK(!"execvp");
}

static int carry(int from, int to)
{
	char buffer[4096];
	ssize_t length = read(from, buffer, sizeof(buffer));

	if (length <= 0)
		return 0;
	CHECK(write(to, buffer, length) == length);
	return 1;
}

int main(int argc, char **argv)
{
	int slave, status, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct pollfd events[] = { { .fd = master, .events = POLLIN },
				   { .fd = 0, .events = POLLIN } };
	pid_t child;

	CHECK(argc > 1 && master >= 0 && unlockpt(master) == 0);
	slave = open_slave(master);
	child = fork();
	if (child == 0)
		run(slave, argv + 1);
	CHECK(close(slave) == 0);
	for (;;) {
		CHECK(poll(events, 2, -1) > 0);
		if ((events[1].revents & (POLLIN | POLLHUP)) && !carry(0, master))
			events[1].fd = -1;
		/* The last one that had the slave has gone. */
		if ((events[0].revents & (POLLIN | POLLHUP)) && !carry(master, 1))
			break;
	}
	CHECK(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}
