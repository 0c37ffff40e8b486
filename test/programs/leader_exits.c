/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leader_exits [later]: the first thread exits, a second one stays; with `later` only when SIGUSR1
 * comes, upon which the second one prints `alone`. Commands: any (echoed).
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static int is_later;

static void *serve(void *arg)
{
	char line[64];

	if (is_later)
		puts("ready");
	pthread_join(*(pthread_t *)arg, NULL);
	puts(is_later ? "alone" : "ready");
	while (fgets(line, sizeof(line), stdin))
		fputs(line, stdout);
	exit(0);
}

int main(int argc, char **argv)
{
	static pthread_t first;
	pthread_t thread;
	sigset_t set;
	int signal;

	(void)argv;
	is_later = argc > 1;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	first = pthread_self();
	setlinebuf(stdout);
	if (pthread_create(&thread, NULL, serve, &first))
		return 1;
	if (is_later)
		sigwait(&set, &signal);
	pthread_exit(NULL);
}
