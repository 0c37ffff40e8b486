/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target that executes itself anew when SIGUSR1 comes: it prints `ready`, and
 * after that `again`, and ends when it is told anything.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <stdlib.h>

#include "check.h"

#define NR_PAGES 4096UL

static void execute(int signal)
{
	char *words[] = { "reexec", "again", NULL };

	(void)signal;
	execv("/proc/self/exe", words);
	_exit(1);
}

int main(int argc, char **argv)
{
	char *memory = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigset_t none;
	char byte;

	(void)argv;
	CHECK(memory != MAP_FAILED);
	memset(memory, argc, NR_PAGES * PAGE);
	CHECK(signal(SIGUSR1, execute) != SIG_ERR);
	/* The signal that has brought us here is blocked while it is handled. */
	sigemptyset(&none);
	CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0);
	puts(argc > 1 ? "again" : "ready");
	fflush(stdout);
	CHECK(read(STDIN_FILENO, &byte, 1) >= 0);
	for (size_t i = 0; i < NR_PAGES * PAGE; i++)
		CHECK(memory[i] == argc);
	return 0;
}
