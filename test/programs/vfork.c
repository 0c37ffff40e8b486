/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfork: one thread is in vfork(), whose child does not leave before it is told to. Prints that
 * thread's id. Commands: release (the child leaves; prints "released" when the thread goes on).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int go[2], done[2];
static volatile pid_t tid;

static void *work(void *arg)
{
	char byte = 0;

	tid = gettid();
	if (write(done[1], &byte, 1) != 1)
		return arg;
	if (vfork() == 0) {
		if (read(go[0], &byte, 1) < 0)
			_exit(1);
		_exit(0);
	}
	if (write(done[1], &byte, 1) != 1)
		return arg;
	return arg;
}

int main(void)
{
	pthread_t thread;
	char line[64], byte = 0;

	if (pipe(go) || pipe(done) || pthread_create(&thread, NULL, work, NULL))
		return 1;
	setlinebuf(stdout);
	if (read(done[0], &byte, 1) != 1)
		return 1;
	puts("ready");
	printf("%d\n", tid);
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "release\n") != 0) {
			puts("running");
			continue;
		}
		if (write(go[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1)
			return 1;
		puts("released");
	}
	return 0;
}
