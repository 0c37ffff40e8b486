/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_mm [stays]: a second process on the memory of the first. Prints its pid. It ends with the
 * first, unless it `stays`. Commands: any (echoed).
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static char stack[64 * 1024];

static int wait_forever(void *arg)
{
	if (!arg)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
	return 0;
}

int main(int argc, char **argv)
{
	pid_t pid = clone(wait_forever, stack + sizeof(stack), CLONE_VM | SIGCHLD,
			  argc > 1 ? argv[1] : NULL);
	char line[64];

	if (pid < 0)
		return 1;
	setlinebuf(stdout);
	puts("ready");
	printf("%d\n", pid);
	while (fgets(line, sizeof(line), stdin))
		fputs(line, stdout);
	kill(pid, SIGKILL);
	return 0;
}
