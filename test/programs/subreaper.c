// SPDX-License-Identifier: Apache-2.0
/*
 * subreaper COMMAND...: becomes the one who gets orphans, runs the command, and tells of each process
 * that it reaps: `PID exited STATUS` or `PID killed SIGNAL`.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

int main(int argc, char **argv)
{
	siginfo_t info;

	CHECK(argc > 1);
	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
	puts("ready");
	if (fork() == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	while (waitid(P_ALL, 0, &info, WEXITED) == 0)
		printf("%d %s %d\n", info.si_pid, info.si_code == CLD_EXITED ? "exited" : "killed",
		       info.si_status);
	return 0;
}
