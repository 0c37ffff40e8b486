// SPDX-License-Identifier: Apache-2.0
/*
 * A hundred threads in ten rings. In each, a token goes round from thread to thread, and each waits for it
 * in a way of its own. Who has it counts, computes the next number from the last one, and hands it on. A
 * line is answered by count and number of each ring; a thread is made and joined for that, as any program
 * would go on to do. Ends with the tokens when its input does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"

#define NR_RINGS 10
#define NR_WAYS 10
#define WAKE SIGUSR1

/* Where a thread gets the token: it is there once `has_token` is set and the thread was woken. */
struct seat {
	int way;
	struct ring *ring;
	pthread_t thread;
	atomic_uint has_token;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	sem_t semaphore;
	int ends[2];
	int event;
	int set;
	pthread_barrier_t barrier;
};

struct ring {
	struct seat seats[NR_WAYS];
	/* All of the following is of who has the token; the mutex is for the one who asks. */
	pthread_mutex_t mutex;
	uint64_t count;
	uint64_t number;
	int nr_sitting;
};

static struct ring rings[NR_RINGS];
static atomic_int is_ending;

static void make_seat(struct seat *seat)
{
	struct epoll_event event = { .events = EPOLLIN };
	pthread_mutexattr_t attributes;

	CHECK(pthread_mutexattr_init(&attributes) == 0);
	if (seat->way == 8) {
		CHECK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0);
		CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
	}
	CHECK(pthread_mutex_init(&seat->mutex, &attributes) == 0);
	CHECK(pthread_cond_init(&seat->cond, NULL) == 0);
	CHECK(sem_init(&seat->semaphore, 0, 0) == 0);
	CHECK(pipe2(seat->ends, O_CLOEXEC) == 0);
	CHECK(pthread_barrier_init(&seat->barrier, NULL, 2) == 0);
	seat->event = eventfd(0, EFD_CLOEXEC);
	seat->set = epoll_create1(EPOLL_CLOEXEC);
	CHECK(seat->event >= 0 && seat->set >= 0);
	CHECK(epoll_ctl(seat->set, EPOLL_CTL_ADD, seat->event, &event) == 0);
}

static void wait_for_condition(struct seat *seat, int is_timed)
{
	struct timespec until;

	CHECK(pthread_mutex_lock(&seat->mutex) == 0);
	while (!atomic_load(&seat->has_token)) {
		CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
		until.tv_sec += 1;
		if (is_timed)
			pthread_cond_timedwait(&seat->cond, &seat->mutex, &until);
		else
			CHECK(pthread_cond_wait(&seat->cond, &seat->mutex) == 0);
	}
	CHECK(pthread_mutex_unlock(&seat->mutex) == 0);
}

static void read_event(struct seat *seat)
{
	eventfd_t value;

	CHECK(eventfd_read(seat->event, &value) == 0 && value == 1);
}

static void wait_for_signal(void)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, WAKE);
	do {
		number = sigwaitinfo(&set, NULL);
	} while (number == -1 && errno == EINTR);
	CHECK(number == WAKE);
}

static void wait_for_futex(struct seat *seat)
{
	struct timespec patience = { 1, 0 };

	while (!atomic_load(&seat->has_token))
		syscall(SYS_futex, &seat->has_token, FUTEX_WAIT_PRIVATE, 0, &patience, NULL, 0);
}

/* Looks every now and then, with a lock that knows its owner by the thread's id. */
static void wait_by_looking(struct seat *seat)
{
	struct timespec nap = { 0, 200000 };
	int is_there;

	do {
		CHECK(pthread_mutex_lock(&seat->mutex) == 0);
		is_there = atomic_load(&seat->has_token);
		CHECK(pthread_mutex_unlock(&seat->mutex) == 0);
		if (!is_there)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	} while (!is_there);
}

static void wait_for_token(struct seat *seat)
{
	struct pollfd event = { .fd = seat->event, .events = POLLIN };
	struct epoll_event found;
	char byte;

	switch (seat->way) {
	case 0:
	case 1:
		wait_for_condition(seat, seat->way);
		break;
	case 2:
		while (sem_wait(&seat->semaphore) == -1)
			CHECK(errno == EINTR);
		break;
	case 3:
		CHECK(read(seat->ends[0], &byte, 1) == 1 && byte == 'x');
		break;
	case 4:
		while (poll(&event, 1, -1) != 1)
			CHECK(errno == EINTR);
		read_event(seat);
		break;
	case 5:
		while (epoll_wait(seat->set, &found, 1, 500) != 1)
			continue;
		read_event(seat);
		break;
	case 6:
		wait_for_signal();
		break;
	case 7:
		wait_for_futex(seat);
		break;
	case 8:
		wait_by_looking(seat);
		break;
	default:
		pthread_barrier_wait(&seat->barrier);
	}
	CHECK(atomic_exchange(&seat->has_token, 0) == 1);
}

static void give_token(struct seat *seat)
{
	if (seat->way <= 1)
		CHECK(pthread_mutex_lock(&seat->mutex) == 0);
	CHECK(atomic_exchange(&seat->has_token, 1) == 0);
	switch (seat->way) {
	case 0:
	case 1:
		CHECK(pthread_cond_signal(&seat->cond) == 0);
		CHECK(pthread_mutex_unlock(&seat->mutex) == 0);
		break;
	case 2:
		CHECK(sem_post(&seat->semaphore) == 0);
		break;
	case 3:
		CHECK(write(seat->ends[1], "x", 1) == 1);
		break;
	case 4:
	case 5:
		CHECK(eventfd_write(seat->event, 1) == 0);
		break;
	case 6:
		CHECK(pthread_kill(seat->thread, WAKE) == 0);
		break;
	case 7:
		syscall(SYS_futex, &seat->has_token, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		break;
	case 9:
		pthread_barrier_wait(&seat->barrier);
		break;
	default:
		/* It looks by itself. */
		break;
	}
}

/* Whether the seat is to be kept: the end goes round once, too. */
static int use_token(struct seat *seat, int *is_last)
{
	struct ring *ring = seat->ring;
	int is_kept = !atomic_load(&is_ending);

	CHECK(pthread_mutex_lock(&ring->mutex) == 0);
	CHECK(ring->count % NR_WAYS == (uint64_t)seat->way || ring->nr_sitting < NR_WAYS);
	if (is_kept) {
		ring->number = ring->number * 6364136223846793005UL + ring->count;
		ring->count++;
	} else {
		ring->nr_sitting--;
	}
	*is_last = ring->nr_sitting == 0;
	CHECK(pthread_mutex_unlock(&ring->mutex) == 0);
	return is_kept;
}

static void *sit(void *arg)
{
	struct seat *seat = arg;
	int is_last, is_kept;

	do {
		wait_for_token(seat);
		is_kept = use_token(seat, &is_last);
		if (!is_last)
			give_token(&seat->ring->seats[(seat->way + 1) % NR_WAYS]);
	} while (is_kept);
	return seat;
}

static void *say(void *unused)
{
	for (int i = 0; i < NR_RINGS; i++) {
		CHECK(pthread_mutex_lock(&rings[i].mutex) == 0);
		printf("%lu %lu%s", rings[i].count, rings[i].number, i == NR_RINGS - 1 ? "\n" : " ");
		CHECK(pthread_mutex_unlock(&rings[i].mutex) == 0);
	}
	fflush(stdout);
	return unused;
}

static void make_ring(struct ring *ring)
{
	CHECK(pthread_mutex_init(&ring->mutex, NULL) == 0);
	ring->nr_sitting = NR_WAYS;
	for (int way = 0; way < NR_WAYS; way++) {
		ring->seats[way].way = way;
		ring->seats[way].ring = ring;
		make_seat(&ring->seats[way]);
	}
	for (int way = 0; way < NR_WAYS; way++)
		CHECK(pthread_create(&ring->seats[way].thread, NULL, sit, &ring->seats[way]) == 0);
	give_token(&ring->seats[0]);
}

static void join_ring(struct ring *ring)
{
	void *result;

	for (int way = 0; way < NR_WAYS; way++) {
		CHECK(pthread_join(ring->seats[way].thread, &result) == 0);
		CHECK(result == &ring->seats[way]);
	}
	CHECK(ring->nr_sitting == 0);
}

int main(void)
{
	pthread_t thread;
	char line[64];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, WAKE);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	for (int i = 0; i < NR_RINGS; i++)
		make_ring(&rings[i]);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		CHECK(pthread_create(&thread, NULL, say, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	atomic_store(&is_ending, 1);
	for (int i = 0; i < NR_RINGS; i++)
		join_ring(&rings[i]);
	return 17;
}
