// SPDX-License-Identifier: Apache-2.0
/*
 * Threads that each have what only a thread has: registers of all kinds, thread-local memory, a name,
 * a signal mask, an alternate stack. They check it all the time and, on request, tell how it went.
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../check.h"

#define MAX_THREADS 200

static __thread unsigned long local;
static atomic_ulong rounds[MAX_THREADS];
static atomic_int is_ending;
static char stacks[MAX_THREADS][16384];

static uint64_t spin(uint64_t value)
{
	uint64_t out[2];

	/* Values that live in vector registers, across whatever interrupts the loop. */
	__asm__ volatile("movq %1, %%xmm9\n\t"
			 "movq %1, %%xmm15\n\t"
			 "mov $1000, %%ecx\n\t"
			 "1: pause\n\t"
			 "dec %%ecx\n\t"
			 "jnz 1b\n\t"
			 "movq %%xmm9, (%0)\n\t"
			 "movq %%xmm15, 8(%0)\n\t"
			 :
			 : "r"(out), "r"(value)
			 : "rcx", "xmm9", "xmm15", "memory");
	CHECK(out[0] == value && out[1] == value);
	return out[0];
}

static void check_thread(unsigned long index, pid_t tid)
{
	char name[16], expected[16];
	sigset_t mask;
	stack_t stack;

	snprintf(expected, sizeof(expected), "thread %lu", index);
	CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, expected) == 0);
	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	CHECK(sigismember(&mask, SIGUSR1) == (int)(index % 2));
	CHECK(sigaltstack(NULL, &stack) == 0 && stack.ss_sp == stacks[index]);
	CHECK(syscall(SYS_gettid) == tid);
	CHECK(local == index + 1000);
	CHECK(sched_getcpu() >= 0);
}

static void *run(void *arg)
{
	unsigned long index = (unsigned long)arg;
	stack_t stack = { .ss_sp = stacks[index], .ss_size = sizeof(stacks[index]) };
	pid_t tid = syscall(SYS_gettid);
	char name[16];
	sigset_t mask;

	local = index + 1000;
	snprintf(name, sizeof(name), "thread %lu", index);
	CHECK(prctl(PR_SET_NAME, name) == 0);
	sigemptyset(&mask);
	if (index % 2)
		sigaddset(&mask, SIGUSR1);
	CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
	CHECK(sigaltstack(&stack, NULL) == 0);
	while (!atomic_load(&is_ending)) {
		spin(index * 0x0101010101010101UL + 1);
		check_thread(index, tid);
		atomic_fetch_add(&rounds[index], 1);
		if (index % 4)
			usleep(1000);
	}
	return (void *)(index + 1);
}

/* Until every thread has done another round. */
static void await_rounds(unsigned long count)
{
	for (unsigned long i = 0; i < count; i++) {
		unsigned long seen = atomic_load(&rounds[i]);

		while (atomic_load(&rounds[i]) < seen + 2)
			usleep(100);
	}
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
	pthread_t threads[MAX_THREADS];
	char line[64];

	CHECK(count <= MAX_THREADS);
	setvbuf(stdout, NULL, _IONBF, 0);
	for (unsigned long i = 0; i < count; i++)
		CHECK(pthread_create(&threads[i], NULL, run, (void *)i) == 0);
	await_rounds(count);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		await_rounds(count);
		puts("on");
	}
	atomic_store(&is_ending, 1);
	for (unsigned long i = 0; i < count; i++) {
		void *result;

		CHECK(pthread_join(threads[i], &result) == 0);
		CHECK(result == (void *)(i + 1));
	}
	return 17;
}
