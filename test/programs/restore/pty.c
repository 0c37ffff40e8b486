// SPDX-License-Identifier: Apache-2.0
/*
 * A session of its own on a pseudo-terminal of which it has both ends, as a program that runs others
 * has them: with settings, a size, and packet mode. A second one is locked. All of it is checked on
 * request.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "../check.h"

static int master, slave, again, controlling, locked, left;
static char name[64], locked_name[64];

static void set_up(void)
{
	struct winsize size = { .ws_row = 33, .ws_col = 101 };
	struct termios settings;
	int packets = 1;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(master >= 0 && unlockpt(master) == 0);
	strcpy(name, ptsname(master));
	slave = open(name, O_RDWR | O_NOCTTY);
	again = open(name, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	CHECK(slave >= 0 && again >= 0);
	CHECK(tcgetattr(slave, &settings) == 0);
	settings.c_lflag &= ~(ECHO | ICANON);
	settings.c_cc[VINTR] = 'q';
	CHECK(tcsetattr(slave, TCSANOW, &settings) == 0);
	CHECK(ioctl(master, TIOCSWINSZ, &size) == 0 && ioctl(master, TIOCPKT, &packets) == 0);
	CHECK(setsid() == getpid() && ioctl(slave, TIOCSCTTY, 0) == 0);
	controlling = open("/dev/tty", O_RDWR);
	locked = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	CHECK(controlling >= 0 && locked >= 0 && ioctl(locked, TIOCEXCL) == 0);
	strcpy(locked_name, ptsname(locked));
	left = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK(left >= 0 && unlockpt(left) == 0);
	CHECK(close(open(ptsname(left), O_RDWR | O_NOCTTY)) == 0);
}

static void check_settings(void)
{
	struct termios settings;
	struct winsize size;
	int number;

	CHECK(strcmp(ptsname(master), name) == 0 && strcmp(ttyname(slave), name) == 0);
	CHECK(tcgetattr(slave, &settings) == 0 && settings.c_cc[VINTR] == 'q');
	CHECK(!(settings.c_lflag & (ECHO | ICANON)) && (settings.c_lflag & ISIG));
	CHECK(ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 33 && size.ws_col == 101);
	CHECK(ioctl(master, TIOCGPKT, &number) == 0 && number == 1);
	CHECK(fcntl(master, F_GETFD) == FD_CLOEXEC && fcntl(slave, F_GETFD) == 0);
	CHECK((fcntl(again, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == O_NONBLOCK);
	CHECK(strcmp(ptsname(locked), locked_name) == 0 && (fcntl(locked, F_GETFL) & O_NONBLOCK));
	CHECK(ioctl(locked, TIOCGPTLCK, &number) == 0 && number == 1);
	CHECK(ioctl(locked, TIOCGEXCL, &number) == 0 && number == 1);
}

static void check(void)
{
	sigset_t set;
	char text[16];
	int signal;

	check_settings();
	CHECK(read(left, text, 1) == -1 && errno == EIO);
	CHECK(getsid(0) == getpid() && tcgetsid(slave) == getpid() && tcgetpgrp(slave) == getpid());
	CHECK(tcgetpgrp(controlling) == getpid());
	CHECK(write(slave, "out", 3) == 3 && read(master, text, sizeof(text)) == 4);
	CHECK(text[0] == 0 && memcmp(text + 1, "out", 3) == 0);
	CHECK(write(master, "in", 2) == 2 && read(controlling, text, sizeof(text)) == 2);
	CHECK(memcmp(text, "in", 2) == 0 && read(again, text, 1) == -1 && errno == EAGAIN);
	/* It is this process that the terminal interrupts. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && write(master, "q", 1) == 1);
	CHECK(sigwait(&set, &signal) == 0 && signal == SIGINT);
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	set_up();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		switch (line[0]) {
		case 'w':
			CHECK(write(master, "waits", 5) == 5);
			break;
		case 'p':
			break;
		default:
			check();
		}
		puts("right");
	}
	return 0;
}
