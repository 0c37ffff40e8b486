// SPDX-License-Identifier: Apache-2.0
/*
 * Files that the kernel writes while they are read: of the process itself, of the machine, a part of
 * each read already. With an argument, of another process and of a thread, too.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../check.h"

static int stat_file, memory_file, sysfs_file;

static void *wait_forever(void *tid)
{
	__atomic_store_n((pid_t *)tid, gettid(), __ATOMIC_RELEASE);
	for (;;)
		pause();
	return NULL;
}

static void open_others(void)
{
	static pid_t tid;
	pthread_t thread;
	char path[64];

	CHECK(pthread_create(&thread, NULL, wait_forever, &tid) == 0);
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		sched_yield();
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	CHECK(open(path, O_RDONLY) >= 0);
	CHECK(open("/proc/1/stat", O_RDONLY) >= 0);
}

static void set_up(void)
{
	char buffer[3];

	stat_file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	memory_file = open("/proc/meminfo", O_RDONLY);
	sysfs_file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
	CHECK(stat_file >= 0 && memory_file >= 0);
	CHECK(read(memory_file, buffer, 3) == 3 && memcmp(buffer, "Mem", 3) == 0);
}

static void check(void)
{
	char buffer[512] = "";

	CHECK(read(stat_file, buffer, sizeof(buffer) - 1) > 0 && atoi(buffer) == getpid());
	CHECK(lseek(stat_file, 0, SEEK_SET) == 0 && fcntl(stat_file, F_GETFD) == FD_CLOEXEC);
	CHECK(read(memory_file, buffer, 6) == 6 && memcmp(buffer, "Total:", 6) == 0);
	CHECK(lseek(memory_file, 3, SEEK_SET) == 3);
	if (sysfs_file >= 0)
		CHECK(pread(sysfs_file, buffer, sizeof(buffer), 0) > 0);
}

int main(int argc, char **argv)
{
	char line[64];

	(void)argv;
	setvbuf(stdout, NULL, _IONBF, 0);
	set_up();
	if (argc > 1)
		open_others();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		check();
		puts("right");
	}
	return 0;
}
