/* SPDX-License-Identifier: Apache-2.0 */
/* What threads do with each other, with their stacks and with signals. */
#ifndef SOAK_THREAD_OPERATIONS_H
#define SOAK_THREAD_OPERATIONS_H

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "areas.h"

#define STACK_SIZE (512 * 1024)
#define ALTERNATE_SIZE (64 * 1024)

/* Memory that all threads write, each its own words. */
static uint64_t *commons;

/* A counter that only its lock makes right. */
struct counter {
	pthread_mutex_t lock;
	volatile uint64_t count;
};

static struct counter *counters[2];

/* A worker makes the word odd, its partner even again. */
struct handshake {
	_Atomic uint32_t word;
	uint32_t private_flag;
};

static void op_commons(void)
{
	unsigned first = below(MAX_PAGES), nr = below(MAX_PAGES - first);

	for (unsigned page = first; page < first + nr; page++) {
		volatile uint64_t *word =
			&commons[page * PAGE_WORDS + self->index * 8];

		if (*word != self->commons[page])
			violation("a page of all threads has / must have",
				  *word, self->commons[page], page);
		self->commons[page] = new_content().stamp;
		*word = self->commons[page];
	}
}

static void op_lock_counter(void)
{
	unsigned which = below(2);
	struct counter *counter = counters[which];

	MUST(pthread_mutex_lock(&counter->lock) == 0);
	counter->count++;
	MUST(pthread_mutex_unlock(&counter->lock) == 0);
	self->nr_locked[which]++;
}

static long futex(struct handshake *handshake, int call, uint32_t value,
		  const struct timespec *timeout)
{
	return syscall(SYS_futex, &handshake->word,
		       call | handshake->private_flag, value, timeout, NULL, 0);
}

static void op_handshake(void)
{
	static const struct timespec patience = { .tv_sec = 60 };
	unsigned which = below(3), nr_late = 0;
	struct handshake *handshake = self->handshakes[which];
	uint32_t word = 2 * self->nr_handshakes[which]++ + 1;

	MUST(handshake->word == word - 1);
	handshake->word = word;
	futex(handshake, FUTEX_WAKE, 1, NULL);
	while (handshake->word == word)
		if (futex(handshake, FUTEX_WAIT, word, &patience) &&
		    errno == ETIMEDOUT && ++nr_late == 3)
			violation("a waiter was not woken", which, word, 0);
	MUST(handshake->word == word + 1);
}

static void *partner(void *argument)
{
	struct handshake *handshake = argument;

	for (;;) {
		uint32_t word = handshake->word;

		if (word % 2 == 0) {
			futex(handshake, FUTEX_WAIT, word, NULL);
			continue;
		}
		handshake->word = word + 1;
		futex(handshake, FUTEX_WAKE, 1, NULL);
	}
	return NULL;
}

/* Return: the number of levels that found their part of the stack right. */
static __attribute__((noinline)) unsigned recurse(unsigned depth, uint64_t stamp)
{
	volatile uint64_t words[256];
	unsigned nr;

	for (unsigned k = 0; k < 256; k += 32)
		words[k] = stamp + depth + k;
	nr = depth ? recurse(depth - 1, stamp) : 0;
	for (unsigned k = 0; k < 256; k += 32)
		if (words[k] != stamp + depth + k)
			violation("a stack has / must have", words[k],
				  stamp + depth + k, depth);
	return nr + 1;
}

static void op_stack(void)
{
	unsigned depth = below(self->index ? 100 : 1000);

	MUST(recurse(depth, new_content().stamp) == depth + 1);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	char here;

	if (number == SIGSEGV || number == SIGBUS)
		violation("signal / code / address", number, info->si_code,
			  (uintptr_t)info->si_addr);
	MUST(&here >= self->alternate &&
	     &here < self->alternate + ALTERNATE_SIZE);
	recurse(8, self->signalled);
	self->signalled++;
}

static void op_signal(void)
{
	uint64_t before = self->signalled;

	MUST(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) == 0);
	MUST(self->signalled == before + 1);
}

static void *short_thread(void *argument)
{
	struct worker *worker = argument;

	self = worker;
	recurse(20, worker->nr_stamps);
	return argument;
}

/* The kernel clears the thread's id and wakes who joins it. */
static void op_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	void *result;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	MUST(pthread_create(&thread, &attributes, short_thread, self) == 0);
	MUST(pthread_join(thread, &result) == 0 && result == self);
}

static char *map_shared(size_t size)
{
	int fd = memfd_create("soak-threads", MFD_CLOEXEC);
	char *base;

	MUST(fd >= 0 && ftruncate(fd, size) == 0);
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(base != MAP_FAILED);
	close(fd);
	return base;
}

static void counters_create(void)
{
	pthread_mutexattr_t inheriting, robust;

	pthread_mutexattr_init(&inheriting);
	pthread_mutexattr_setprotocol(&inheriting, PTHREAD_PRIO_INHERIT);
	counters[0] = (void *)private_map(ANON, 0, 1, NULL);
	MUST(pthread_mutex_init(&counters[0]->lock, &inheriting) == 0);
	pthread_mutexattr_init(&robust);
	pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
	counters[1] = (void *)map_shared(PAGE);
	MUST(pthread_mutex_init(&counters[1]->lock, &robust) == 0);
}

/* A private futex, the same memory known by its address, and a shared one. */
static void handshakes_create(struct worker *worker)
{
	pthread_t thread;

	for (unsigned i = 0; i < 3; i++) {
		worker->handshakes[i] = (void *)(i == 2 ?
			map_shared(PAGE) : private_map(ANON, 0, 1, NULL));
		worker->handshakes[i]->private_flag =
			i == 0 ? FUTEX_PRIVATE_FLAG : 0;
		MUST(pthread_create(&thread, NULL, partner,
				    worker->handshakes[i]) == 0);
	}
}

#endif
