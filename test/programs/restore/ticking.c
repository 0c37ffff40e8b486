// SPDX-License-Identifier: Apache-2.0
/*
 * A timer that repeats, and whose signal waits as long as nobody asks: meanwhile it does not run. Once
 * the signal is taken it has to go on.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

#include "../check.h"

#define NR_TICKS 5

static void await_pending(void)
{
	sigset_t set;

	do {
		CHECK(sigpending(&set) == 0);
	} while (!sigismember(&set, SIGALRM));
}

int main(void)
{
	struct itimerval setting = { { 0, 1000 }, { 0, 1000 } };
	struct timespec patience = { 60, 0 };
	char line[64];
	sigset_t set;

	setvbuf(stdout, NULL, _IONBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &setting, NULL) == 0);
	await_pending();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		for (int i = 0; i < NR_TICKS; i++)
			CHECK(sigtimedwait(&set, NULL, &patience) == SIGALRM);
		puts("right");
	}
	return 0;
}
