// SPDX-License-Identifier: Apache-2.0
/*
 * Timers of every kind, far from going off, about to, and gone off: interval timers, those of
 * timer_create with ids that have gaps, timerfd. A signalfd has what waits. Checked once, on request.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"

#define NR_TIMERS 6
#define LONG 3600
#define TICK_NS 1000000L

static timer_t timers[NR_TIMERS];
static int far, ticking, wall, gone, signals;
static pid_t waiter;
static struct timespec made;

/* The C library's handle is the kernel's id. */
static timer_t create(clockid_t clock, int notify, int number, pid_t tid)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = number };
	timer_t timer;

	event.sigev_value.sival_ptr = (void *)0x123456789abcUL;
	event._sigev_un._tid = tid;
	CHECK(timer_create(clock, &event, &timer) == 0);
	return timer;
}

static void arm(timer_t timer, long seconds, long ns, long interval)
{
	struct itimerspec setting = { { interval, 0 }, { seconds, ns } };

	CHECK(timer_settime(timer, 0, &setting, NULL) == 0);
}

static void block(void)
{
	sigset_t set;

	sigfillset(&set);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

static void *wait_for_signal(void *unused)
{
	__atomic_store_n(&waiter, gettid(), __ATOMIC_RELEASE);
	for (;;)
		pause();
	return unused;
}

static void make_timers(void)
{
	timer_t gap = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);

	timers[0] = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 0);
	timers[1] = create(CLOCK_REALTIME, SIGEV_NONE, 0, 0);
	timers[2] = create(CLOCK_BOOTTIME, SIGEV_SIGNAL, SIGRTMIN + 1, 0);
	timers[3] = create(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGRTMIN + 2, waiter);
	timers[4] = create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN + 3, 0);
	CHECK(timer_delete(gap) == 0);
	timers[5] = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 4, 0);
	arm(timers[0], LONG, 0, 7);
	arm(timers[1], LONG, 0, 0);
	arm(timers[2], 0, 1, 0);
	arm(timers[3], 0, 400000000, 0);
	arm(timers[4], LONG, 0, 0);
}

static void make_files(void)
{
	struct itimerspec setting = { { 9, 0 }, { LONG, 0 } };
	sigset_t set;

	far = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	ticking = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK);
	gone = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	wall = timerfd_create(CLOCK_REALTIME, 0);
	CHECK(far >= 0 && ticking >= 0 && gone >= 0 && wall >= 0);
	CHECK(timerfd_settime(far, 0, &setting, NULL) == 0);
	setting.it_value.tv_sec = time(NULL) + LONG;
	CHECK(timerfd_settime(wall, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &setting, NULL) ==
	      0);
	setting = (struct itimerspec){ { 0, TICK_NS }, { 0, TICK_NS } };
	CHECK(timerfd_settime(ticking, 0, &setting, NULL) == 0);
	setting = (struct itimerspec){ { 0, 0 }, { 0, 1 } };
	CHECK(timerfd_settime(gone, 0, &setting, NULL) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGRTMAX);
	signals = signalfd(-1, &set, SFD_NONBLOCK);
	CHECK(signals >= 0);
}

static void set_up(void)
{
	struct itimerval interval = { { 5, 0 }, { LONG, 0 } };
	pthread_t thread;

	block();
	CHECK(clock_gettime(CLOCK_BOOTTIME, &made) == 0);
	CHECK(pthread_create(&thread, NULL, wait_for_signal, NULL) == 0);
	while (!__atomic_load_n(&waiter, __ATOMIC_ACQUIRE))
		sched_yield();
	make_timers();
	make_files();
	CHECK(setitimer(ITIMER_REAL, &interval, NULL) == 0);
	CHECK(setitimer(ITIMER_VIRTUAL, &interval, NULL) == 0);
	CHECK(setitimer(ITIMER_PROF, &interval, NULL) == 0);
}

/* Most of it is left, and no more than there was. */
static void check_left(struct itimerspec setting, long interval)
{
	CHECK(setting.it_value.tv_sec <= LONG && setting.it_value.tv_sec > LONG - 600);
	CHECK(setting.it_interval.tv_sec == interval && setting.it_interval.tv_nsec == 0);
}

static void check_intervals(void)
{
	static const int which[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
	struct itimerval left;

	for (int i = 0; i < 3; i++) {
		CHECK(getitimer(which[i], &left) == 0);
		CHECK(left.it_value.tv_sec <= LONG && left.it_value.tv_sec > LONG - 600);
		CHECK(left.it_interval.tv_sec == 5);
	}
}

/* Two timers were about to go off: one did before the dump, one may have waited until now. */
static void check_signals(void)
{
	struct timespec patience = { 60, 0 };
	struct signalfd_siginfo info;
	struct itimerspec left;
	sigset_t set;
	siginfo_t got;

	CHECK(read(signals, &info, sizeof(info)) == sizeof(info));
	CHECK((int)info.ssi_signo == SIGRTMIN + 1 && info.ssi_code == SI_TIMER);
	CHECK(info.ssi_ptr == 0x123456789abcUL);
	CHECK(read(signals, &info, sizeof(info)) == -1 && errno == EAGAIN);
	/* It is for the other thread alone: this one sees it go off, and not come. */
	for (;;) {
		CHECK(timer_gettime(timers[3], &left) == 0);
		if (left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0)
			break;
		sched_yield();
	}
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	patience.tv_sec = 0;
	CHECK(sigtimedwait(&set, &got, &patience) == -1 && errno == EAGAIN);
	arm(timers[5], 0, 1, 0);
	sigaddset(&set, SIGRTMIN + 4);
	patience.tv_sec = 60;
	CHECK(sigtimedwait(&set, &got, &patience) == SIGRTMIN + 4);
	CHECK(got.si_value.sival_ptr == (void *)0x123456789abcUL);
}

/* What waits for a thread is in its status: bit 0 is signal 1. */
static void check_thread_signal(void)
{
	unsigned long pending = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", waiter);
	file = fopen(path, "r");
	CHECK(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "SigPnd: %lx", &pending);
	fclose(file);
	CHECK(pending == 1UL << (SIGRTMIN + 2 - 1));
}

static void check_timers(void)
{
	struct itimerspec left;

	CHECK(timer_gettime(timers[0], &left) == 0);
	check_left(left, 7);
	CHECK(timer_gettime(timers[1], &left) == 0);
	check_left(left, 0);
	CHECK(timer_gettime(timers[4], &left) == 0);
	check_left(left, 0);
	CHECK(timer_gettime((timer_t)0, &left) == -1 && errno == EINVAL);
	check_signals();
	check_thread_signal();
}

static void check_files(void)
{
	struct timespec now;
	struct itimerspec left;
	unsigned long ticks, elapsed;

	CHECK(timerfd_gettime(far, &left) == 0);
	check_left(left, 9);
	CHECK(fcntl(far, F_GETFL) & O_NONBLOCK && fcntl(far, F_GETFD) == FD_CLOEXEC);
	CHECK(timerfd_gettime(wall, &left) == 0);
	check_left(left, 9);
	CHECK(!(fcntl(wall, F_GETFL) & O_NONBLOCK));
	CHECK(read(far, &ticks, sizeof(ticks)) == -1 && errno == EAGAIN);
	CHECK(read(gone, &ticks, sizeof(ticks)) == sizeof(ticks) && ticks == 1);
	CHECK(read(gone, &ticks, sizeof(ticks)) == -1 && errno == EAGAIN);
	CHECK(read(ticking, &ticks, sizeof(ticks)) == sizeof(ticks));
	CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
	elapsed = (now.tv_sec - made.tv_sec) * 1000 + (now.tv_nsec - made.tv_nsec) / 1000000;
	/* The test has let it stand long enough to count, before the dump. */
	CHECK(ticks >= 100 && ticks <= elapsed + 1);
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	set_up();
	puts("ready");
	/* The first request: long enough for the one that ticks, which nobody reads. */
	while (fgets(line, sizeof(line), stdin)) {
		struct timespec ticks = { 0, 150 * TICK_NS };

		if (line[0] == 'w') {
			CHECK(nanosleep(&ticks, NULL) == 0);
			puts("waited");
			continue;
		}
		check_intervals();
		check_timers();
		check_files();
		puts("right");
	}
	return 0;
}
