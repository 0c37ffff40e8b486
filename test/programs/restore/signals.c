// SPDX-License-Identifier: Apache-2.0
/*
 * Signals of every kind that waits: for the process and for one thread, with what comes with them,
 * blocked until it is told to look. Dispositions with all of their fields.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../check.h"

static void handle(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
}

static void queue(int number, int value, int is_for_thread)
{
	siginfo_t info = { .si_signo = number, .si_code = SI_QUEUE };

	info.si_value.sival_int = value;
	if (is_for_thread)
		CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), number, &info) == 0);
	else
		CHECK(syscall(SYS_rt_sigqueueinfo, getpid(), number, &info) == 0);
}

static void expect(int number, int value)
{
	struct timespec now = { 0, 0 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	CHECK(sigtimedwait(&set, &info, &now) == number);
	CHECK(info.si_code == SI_QUEUE && info.si_value.sival_int == value);
}

static void set_up(void)
{
	struct sigaction action = { .sa_sigaction = handle };
	sigset_t all;

	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaddset(&action.sa_mask, SIGRTMAX);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTRAP, SIG_IGN);
	sigfillset(&all);
	CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	for (int i = 0; i < 5; i++)
		queue(SIGRTMIN + 2, i, 0);
	queue(SIGRTMIN + 3, 77, 1);
	queue(SIGUSR2, 78, 0);
	queue(SIGTRAP, 79, 1);
}

static void check(void)
{
	struct sigaction action;

	CHECK(sigaction(SIGUSR1, NULL, &action) == 0);
	CHECK(action.sa_sigaction == handle);
	/* Without what the C library adds for itself, SA_RESTORER. */
	CHECK((action.sa_flags & ~0x04000000) == (SA_SIGINFO | SA_ONSTACK | SA_RESTART));
	CHECK(sigismember(&action.sa_mask, SIGUSR2) && sigismember(&action.sa_mask, SIGRTMAX));
	CHECK(!sigismember(&action.sa_mask, SIGUSR1));
	CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
	CHECK(sigaction(SIGTRAP, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
	CHECK(sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
	for (int i = 0; i < 5; i++)
		expect(SIGRTMIN + 2, i);
	expect(SIGRTMIN + 3, 77);
	expect(SIGUSR2, 78);
	expect(SIGTRAP, 79);
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	set_up();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		check();
		puts("right");
		set_up();
	}
	return 0;
}
