// SPDX-License-Identifier: Apache-2.0
/*
 * A program that has registered for two kinds of barriers among its threads, of which it may ask for
 * these alone. Checked on request.
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "../check.h"

static long barrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

static void check(void)
{
	CHECK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0);
	CHECK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) == 0);
	CHECK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) == -1 && errno == EPERM);
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0);
	CHECK(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ) == 0);
	check();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		check();
		puts("right");
	}
	return 0;
}
