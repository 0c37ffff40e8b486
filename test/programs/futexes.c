/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for memory is woken, whatever becomes of the mapping meanwhile. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "promise.h"

#define NR_WAITERS 4
/* Iterations that waiters wait, so that swap and revert come in between. */
#define PATIENCE 8

/* What threads, or processes, share. */
struct arena {
	_Atomic uint32_t word, other;
	_Atomic uint32_t nr_waiting, nr_woken;
	_Atomic int is_over;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	sem_t to_peer, from_peer;
	unsigned long turn;
};

static struct arena *arena;
static pthread_t threads[NR_WAITERS];
static pid_t children[NR_WAITERS];

static long futex(_Atomic uint32_t *word, int operation, uint32_t value,
		  long more, _Atomic uint32_t *second, uint32_t third)
{
	return syscall(SYS_futex, word, operation, value, more, second, third);
}

/* A moment, so that the whole program does not only spin. */
static void rest(void)
{
	usleep(200);
}

static void set_up_private(void)
{
	arena = (struct arena *)map_private(1);
}

static void set_up_shared(void)
{
	arena = (struct arena *)map_with(1, MAP_SHARED, make_memfd(1));
}

static void start_threads(void *(*run)(void *))
{
	for (int i = 0; i < NR_WAITERS; i++)
		CHECK(pthread_create(&threads[i], NULL, run, NULL) == 0);
}

static void join_threads(void)
{
	for (int i = 0; i < NR_WAITERS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static void start_children(void *(*run)(void *))
{
	for (int i = 0; i < NR_WAITERS; i++) {
		children[i] = fork_child();
		if (children[i] == 0) {
			run(NULL);
			_exit(0);
		}
	}
}

static void reap_children(void)
{
	for (int i = 0; i < NR_WAITERS; i++)
		expect_success(children[i]);
}

/* Waits for each next value of the word, and says that it has seen it. */
static void *follow_word(void *unused)
{
	(void)unused;
	for (uint32_t seen = 0; !arena->is_over; seen++) {
		arena->nr_waiting++;
		while (arena->word == seen)
			futex(&arena->word, FUTEX_WAIT | promise.variant, seen,
			      0, NULL, 0);
		CHECK(arena->word == seen + 1);
		arena->nr_woken++;
	}
	return NULL;
}

/* Wakes all, who must come although nothing but the futex tells them. */
static void wake_followers(void)
{
	uint32_t word = arena->word;

	while (arena->nr_waiting < NR_WAITERS * (word + 1))
		rest();
	arena->word++;
	futex(&arena->word, FUTEX_WAKE | promise.variant, INT32_MAX, 0, NULL,
	      0);
	while (arena->nr_woken < NR_WAITERS * (word + 1))
		rest();
}

static void check_waiters(void)
{
	rest();
	CHECK(arena->nr_woken == NR_WAITERS * arena->word);
	if (promise.iteration % PATIENCE == 0)
		wake_followers();
}

static void set_up_waiters(void)
{
	set_up_private();
	start_threads(follow_word);
}

static void end_waiters(void)
{
	arena->is_over = 1;
	wake_followers();
	join_threads();
}

static void set_up_shared_waiters(void)
{
	set_up_shared();
	start_children(follow_word);
}

static void end_shared_waiters(void)
{
	arena->is_over = 1;
	wake_followers();
	reap_children();
}

static void *live_shortly(void *value)
{
	for (int i = 0; i < PATIENCE; i++)
		rest();
	return (char *)value + 1;
}

/* The joiner waits for the word that the kernel clears at a thread's end. */
static void check_join(void)
{
	void *result;

	for (long i = 0; i < NR_WAITERS; i++)
		CHECK(pthread_create(&threads[i], NULL, live_shortly,
				     (void *)i) == 0);
	for (long i = 0; i < NR_WAITERS; i++) {
		CHECK(pthread_join(threads[i], &result) == 0);
		CHECK(result == (void *)(i + 1));
	}
}

static void init_mutex(int type, int robustness, int protocol, int sharing)
{
	pthread_mutexattr_t attributes;

	CHECK(pthread_mutexattr_init(&attributes) == 0);
	CHECK(pthread_mutexattr_settype(&attributes, type) == 0);
	CHECK(pthread_mutexattr_setrobust(&attributes, robustness) == 0);
	CHECK(pthread_mutexattr_setprotocol(&attributes, protocol) == 0);
	CHECK(pthread_mutexattr_setpshared(&attributes, sharing) == 0);
	CHECK(pthread_mutex_init(&arena->mutex, &attributes) == 0);
}

static void *die_with_lock(void *unused)
{
	(void)unused;
	CHECK(pthread_mutex_lock(&arena->mutex) == 0);
	arena->nr_waiting++;
	live_shortly(NULL);
	return NULL;
}

static void take_over_lock(void)
{
	CHECK(pthread_mutex_lock(&arena->mutex) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(&arena->mutex) == 0);
	CHECK(pthread_mutex_unlock(&arena->mutex) == 0);
}

static void await_owner(void)
{
	while (arena->nr_waiting < promise.iteration)
		rest();
}

static void set_up_robust(void)
{
	set_up_private();
	init_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST,
		   PTHREAD_PRIO_NONE, PTHREAD_PROCESS_PRIVATE);
}

static void check_robust(void)
{
	pthread_t owner;

	CHECK(pthread_create(&owner, NULL, die_with_lock, NULL) == 0);
	await_owner();
	take_over_lock();
	CHECK(pthread_join(owner, NULL) == 0);
}

static void set_up_robust_shared(void)
{
	set_up_shared();
	init_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST,
		   PTHREAD_PRIO_NONE, PTHREAD_PROCESS_SHARED);
}

/* The owner, another process, is killed while the lock is wanted. */
static void check_robust_shared(void)
{
	pid_t owner = fork_child();
	int status;

	if (owner == 0) {
		die_with_lock(NULL);
		kill(getpid(), SIGKILL);
	}
	await_owner();
	take_over_lock();
	CHECK(waitpid(owner, &status, 0) == owner && WIFSIGNALED(status));
}

/* Several add to a counter under a lock with priority inheritance. */
#define NR_ADDITIONS 20

static void *add_under_lock(void *unused)
{
	(void)unused;
	for (int i = 0; i < NR_ADDITIONS; i++) {
		CHECK(pthread_mutex_lock(&arena->mutex) == 0);
		arena->turn++;
		if (i % 8 == 0)
			rest();
		CHECK(pthread_mutex_unlock(&arena->mutex) == 0);
	}
	return NULL;
}

static void check_sum(void)
{
	CHECK(arena->turn == promise.iteration * NR_WAITERS * NR_ADDITIONS);
}

static void set_up_pi(void)
{
	set_up_private();
	init_mutex(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_PRIVATE);
}

static void check_pi(void)
{
	start_threads(add_under_lock);
	join_threads();
	check_sum();
}

static void set_up_pi_shared(void)
{
	set_up_shared();
	init_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_SHARED);
}

static void check_pi_shared(void)
{
	start_children(add_under_lock);
	reap_children();
	check_sum();
}

/* A broadcast, after which all go on, one after the other. */
static void *follow_turns(void *unused)
{
	(void)unused;
	CHECK(pthread_mutex_lock(&arena->mutex) == 0);
	for (unsigned long seen = 0; !arena->is_over; seen++) {
		while (arena->turn == seen)
			CHECK(pthread_cond_wait(&arena->cond, &arena->mutex) ==
			      0);
		CHECK(arena->turn == seen + 1);
		arena->nr_woken++;
	}
	CHECK(pthread_mutex_unlock(&arena->mutex) == 0);
	return NULL;
}

static void set_up_broadcast(void)
{
	set_up_private();
	init_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED,
		   PTHREAD_PRIO_NONE, PTHREAD_PROCESS_PRIVATE);
	CHECK(pthread_cond_init(&arena->cond, NULL) == 0);
	start_threads(follow_turns);
}

static void broadcast(void)
{
	CHECK(pthread_mutex_lock(&arena->mutex) == 0);
	arena->turn++;
	CHECK(pthread_cond_broadcast(&arena->cond) == 0);
	CHECK(pthread_mutex_unlock(&arena->mutex) == 0);
	while (arena->nr_woken < NR_WAITERS * arena->turn)
		rest();
}

static void check_broadcast(void)
{
	rest();
	CHECK(arena->nr_woken == NR_WAITERS * arena->turn);
	if (promise.iteration % PATIENCE == 0)
		broadcast();
}

static void end_broadcast(void)
{
	arena->is_over = 1;
	broadcast();
	join_threads();
}

/* Waiters are moved to a second word, on which nobody has called wait. */
static void *wait_to_be_moved(void *unused)
{
	(void)unused;
	arena->nr_waiting++;
	while (arena->other == 0)
		futex(&arena->word, FUTEX_WAIT_PRIVATE, 0, 0, NULL, 0);
	arena->nr_woken++;
	return NULL;
}

static void check_requeue(void)
{
	arena->nr_waiting = arena->nr_woken = arena->word = arena->other = 0;
	start_threads(wait_to_be_moved);
	while (arena->nr_waiting < NR_WAITERS)
		rest();
	rest();
	CHECK(futex(&arena->word, FUTEX_CMP_REQUEUE_PRIVATE, 0, NR_WAITERS,
		    &arena->other, 0) >= 0);
	rest();
	arena->other = 1;
	/* Who was interrupted meanwhile waits on the first word again. */
	while (arena->nr_woken < NR_WAITERS) {
		futex(&arena->other, FUTEX_WAKE_PRIVATE, INT32_MAX, 0, NULL, 0);
		futex(&arena->word, FUTEX_WAKE_PRIVATE, INT32_MAX, 0, NULL, 0);
		rest();
	}
	join_threads();
}

static void *meet(void *unused)
{
	(void)unused;
	while (!arena->is_over) {
		pthread_barrier_wait(&arena->barrier);
		arena->nr_woken++;
		pthread_barrier_wait(&arena->barrier);
	}
	return NULL;
}

static void set_up_barrier(void)
{
	set_up_private();
	CHECK(pthread_barrier_init(&arena->barrier, NULL, NR_WAITERS + 1) == 0);
	start_threads(meet);
}

static void check_barrier(void)
{
	rest();
	pthread_barrier_wait(&arena->barrier);
	arena->is_over = promise.is_ending;
	pthread_barrier_wait(&arena->barrier);
	CHECK(arena->nr_woken >= NR_WAITERS * promise.iteration);
}

static void end_barrier(void)
{
	promise.is_ending = 1;
	check_barrier();
	join_threads();
}

/* Ping-pong of two processes. */
static void set_up_semaphores(void)
{
	set_up_shared();
	CHECK(sem_init(&arena->to_peer, 1, 0) == 0);
	CHECK(sem_init(&arena->from_peer, 1, 0) == 0);
	children[0] = fork_child();
	if (children[0])
		return;
	for (;;) {
		while (sem_wait(&arena->to_peer))
			CHECK(errno == EINTR);
		arena->turn++;
		CHECK(sem_post(&arena->from_peer) == 0);
		if (arena->is_over)
			_exit(0);
	}
}

static void check_semaphores(void)
{
	CHECK(arena->turn == promise.iteration - 1);
	rest();
	CHECK(sem_post(&arena->to_peer) == 0);
	while (sem_wait(&arena->from_peer))
		CHECK(errno == EINTR);
	CHECK(arena->turn == promise.iteration);
}

static void end_semaphores(void)
{
	arena->is_over = 1;
	CHECK(sem_post(&arena->to_peer) == 0);
	expect_success(children[0]);
}

static const struct promise promises[] = {
	{ "private", set_up_waiters, check_waiters, end_waiters,
	  FUTEX_PRIVATE_FLAG },
	{ "private-as-shared", set_up_waiters, check_waiters, end_waiters, 0 },
	{ "shared", set_up_shared_waiters, check_waiters, end_shared_waiters,
	  0 },
	{ "join", set_up_private, check_join, NULL, 0 },
	{ "robust", set_up_robust, check_robust, NULL, 0 },
	{ "robust-shared", set_up_robust_shared, check_robust_shared, NULL, 0 },
	{ "pi", set_up_pi, check_pi, NULL, 0 },
	{ "pi-shared", set_up_pi_shared, check_pi_shared, NULL, 0 },
	{ "broadcast", set_up_broadcast, check_broadcast, end_broadcast, 0 },
	{ "requeue", set_up_private, check_requeue, NULL, 0 },
	{ "barrier", set_up_barrier, check_barrier, end_barrier, 0 },
	{ "semaphores", set_up_semaphores, check_semaphores, end_semaphores,
	  0 },
};

PROMISE_MAIN(promises)
