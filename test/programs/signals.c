/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals: counts each SIGRTMIN+1 it gets. A second thread raises SIGRTMIN all the time, each of
 * which its handler counts before raise() returns. Commands: count, lost (raised and not handled;
 * the thread stops then).
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_int count, handled, is_ending;

static void on_signal(int signal)
{
	atomic_fetch_add(signal == SIGRTMIN ? &handled : &count, 1);
}

static void *raise_all_the_time(void *arg)
{
	long raised = 0;

	while (!atomic_load(&is_ending)) {
		raise(SIGRTMIN);
		raised++;
	}
	return (void *)(raised - atomic_load(&handled) + (long)arg);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t thread;
	char line[64];
	void *lost;

	sigaction(SIGRTMIN, &action, NULL);
	sigaction(SIGRTMIN + 1, &action, NULL);
	if (pthread_create(&thread, NULL, raise_all_the_time, NULL))
		return 1;
	setlinebuf(stdout);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "lost\n") == 0) {
			atomic_store(&is_ending, 1);
			pthread_join(thread, &lost);
			printf("%ld\n", (long)lost);
		} else {
			printf("%d\n", atomic_load(&count));
		}
	}
	return 0;
}
