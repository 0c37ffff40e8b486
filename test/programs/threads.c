/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads NR [churn]: NR threads that count, each for itself. With churn, each of them also creates
 * and joins threads all the time. Commands: count (prints the sum).
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long count;
static int churn;

static void *count_one(void *arg)
{
	atomic_fetch_add(&count, 1);
	return arg;
}

static void *work(void *arg)
{
	for (;;) {
		pthread_t thread;

		count_one(NULL);
		if (churn && pthread_create(&thread, NULL, count_one, NULL) == 0)
			pthread_join(thread, NULL);
		else
			usleep(1000);
	}
	return arg;
}

int main(int argc, char **argv)
{
	int nr = argc > 1 ? atoi(argv[1]) : 1;
	char line[64];

	churn = argc > 2 && strcmp(argv[2], "churn") == 0;
	for (int i = 0; i < nr; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, NULL))
			return 1;
	}
	setlinebuf(stdout);
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		printf("%ld\n", atomic_load(&count));
	return 0;
}
