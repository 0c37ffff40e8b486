/* SPDX-License-Identifier: Apache-2.0 */
/* leader_exits: the first thread exits, a second one stays. Commands: any (echoed). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void *serve(void *arg)
{
	char line[64];

	pthread_join(*(pthread_t *)arg, NULL);
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		fputs(line, stdout);
	exit(0);
}

int main(void)
{
	static pthread_t first;
	pthread_t thread;

	first = pthread_self();
	setlinebuf(stdout);
	if (pthread_create(&thread, NULL, serve, &first))
		return 1;
	pthread_exit(NULL);
}
