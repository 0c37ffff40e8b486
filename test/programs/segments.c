/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segments: a memfd and a SysV segment that have one inode number, mapped by two processes.
 * Commands: N (a number) writes it to both, in ways that differ, and checks them (echoed).
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include "check.h"

#define NR_PAGES 4

/* The id of the next SysV segment, which is its inode number. */
static void set_next_id(long id)
{
	FILE *file = fopen("/proc/sys/kernel/shm_next_id", "w");

	CHECK(file);
	CHECK(fprintf(file, "%ld", id) > 0);
	CHECK(fclose(file) == 0);
}

static unsigned char *map_memfd(long *inode)
{
	int fd = memfd_create("segment", 0);
	unsigned char *area;
	struct stat stat;

	CHECK(fd >= 0);
	CHECK(ftruncate(fd, NR_PAGES * PAGE) == 0);
	CHECK(fstat(fd, &stat) == 0);
	area = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(area != MAP_FAILED);
	close(fd);
	*inode = stat.st_ino;
	return area;
}

static unsigned char *map_sysv(long id)
{
	unsigned char *area;

	set_next_id(id);
	CHECK(shmget(IPC_PRIVATE, NR_PAGES * PAGE, 0600) == id);
	area = shmat(id, NULL, 0);
	CHECK(area != (void *)-1);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	return area;
}

int main(void)
{
	unsigned char *memfd, *sysv;
	int i, number = 1;
	char line[64];
	long inode;
	pid_t pid;

	memfd = map_memfd(&inode);
	sysv = map_sysv(inode);
	memset(memfd, 1, NR_PAGES * PAGE);
	memset(sysv, ~1, NR_PAGES * PAGE);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	setlinebuf(stdout);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		for (i = 0; i < NR_PAGES; i++)
			CHECK(memfd[i * PAGE] == (unsigned char)number &&
			      sysv[i * PAGE] == (unsigned char)~number);
		number = atoi(line);
		for (i = 0; i < NR_PAGES; i++) {
			memfd[i * PAGE] = number;
			sysv[i * PAGE] = ~number;
		}
		fputs(line, stdout);
	}
	kill(pid, SIGKILL);
	return 0;
}
