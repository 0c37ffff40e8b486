// SPDX-License-Identifier: Apache-2.0
/*
 * A job on a terminal that somebody else has made, which it has set up for itself. It says its pid,
 * and is asked on the terminal whether that is as it shall be.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "../check.h"

static volatile sig_atomic_t nr_resized;

static void on_resize(int signal)
{
	(void)signal;
	nr_resized++;
}

static void check(void)
{
	struct termios settings;

	CHECK(isatty(0) && isatty(1) && isatty(2) && ttyname(0) != NULL);
	CHECK(tcgetattr(0, &settings) == 0 && settings.c_cc[VINTR] == 'q');
	CHECK(tcgetpgrp(0) == getpgrp() && tcgetsid(0) == getsid(0));
	CHECK(getpgrp() == getpid());
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_resize, .sa_flags = SA_RESTART };
	struct termios settings;
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(sigaction(SIGWINCH, &action, NULL) == 0);
	CHECK(tcgetattr(0, &settings) == 0);
	settings.c_cc[VINTR] = 'q';
	CHECK(tcsetattr(0, TCSANOW, &settings) == 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		switch (line[0]) {
		case 'i':
			printf("%d\n", getpid());
			break;
		case 'r':
			printf("%d\n", nr_resized);
			break;
		case 'e':
			return 7;
		default:
			check();
			puts("right");
		}
	}
	return 0;
}
