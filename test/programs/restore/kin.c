// SPDX-License-Identifier: Apache-2.0
/*
 * A root and a child that have in common what is named, or are related in a way that is:
 *
 *   memory, files, directory   made by clone with CLONE_VM, CLONE_FILES, CLONE_FS
 *   signal      the root is told of the child's end by SIGUSR1
 *   session     the leader of the child's session has ended
 *   group       ... of its process group
 *   left        ... has left that
 *   namespace   the child has another UTS namespace
 *   memfd       which the child has opened anew
 *   deleted, inotify, epoll, packets   an open file that both have
 *   status      the root's own file in procfs
 *   sigio       a pipe whose signals the root gets
 *   many        100 children that only wait
 *   storm       children that are born and end all the time, which have children, too
 *
 * With a directory for files. Told a line it says `right` if the child lives.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

#define NR_MANY 100
#define STACK_BYTES (64 << 10)

static pid_t child;

/* Ends with its parent: with whoever has got it, if that is given: the one who has forked it. */
static int wait_for_ever(void *first_parent)
{
	while (first_parent && getppid() == *(pid_t *)first_parent)
		usleep(1000);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
	return 0;
}

static void clone_child(int flags)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(stack != MAP_FAILED);
	child = clone(wait_for_ever, stack + STACK_BYTES, flags, NULL);
	CHECK(child > 0);
}

static pid_t fork_waiting(void)
{
	const pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		wait_for_ever(NULL);
	return pid;
}

static void reap(pid_t pid)
{
	CHECK(waitpid(pid, NULL, 0) == pid);
}

/* The leader forks a child that stays with the root, and ends. */
static void lose_leader(int is_session)
{
	int ends[2];
	pid_t leader;

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && pipe(ends) == 0);
	leader = fork();
	CHECK(leader >= 0);
	if (leader == 0) {
		CHECK(is_session ? setsid() > 0 : setpgid(0, 0) == 0);
		leader = getpid();
		child = fork();
		if (child == 0)
			wait_for_ever(&leader);
		CHECK(write(ends[1], &child, sizeof(child)) == sizeof(child));
		_exit(0);
	}
	CHECK(read(ends[0], &child, sizeof(child)) == sizeof(child));
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
	reap(leader);
}

static void leave_group(void)
{
	pid_t leader = fork_waiting();

	CHECK(setpgid(leader, leader) == 0);
	child = fork_waiting();
	CHECK(setpgid(child, leader) == 0 && setpgid(leader, getpgid(0)) == 0);
}

static void open_common(const char *kind, const char *directory)
{
	char path[4096];
	int ends[2], fd;

	snprintf(path, sizeof(path), "%s/common", directory);
	if (strcmp(kind, "memfd") == 0) {
		fd = memfd_create("common", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		CHECK(fd >= 0);
		child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			CHECK(open(path, O_RDWR) >= 0 && close(fd) == 0);
			wait_for_ever(NULL);
		}
		return;
	} else if (strcmp(kind, "deleted") == 0) {
		CHECK(open(path, O_RDWR | O_CREAT, 0600) >= 0 && unlink(path) == 0);
	} else if (strcmp(kind, "inotify") == 0) {
		CHECK(inotify_init() >= 0);
	} else if (strcmp(kind, "epoll") == 0) {
		CHECK(epoll_create1(0) >= 0);
	} else if (strcmp(kind, "packets") == 0) {
		CHECK(pipe2(ends, O_DIRECT) == 0);
	} else if (strcmp(kind, "status") == 0) {
		CHECK(open("/proc/self/status", O_RDONLY) >= 0);
	} else {
		CHECK(strcmp(kind, "sigio") == 0 && pipe(ends) == 0);
		CHECK(fcntl(ends[0], F_SETOWN, getpid()) == 0);
	}
	child = fork_waiting();
}

static void fork_in_namespace(void)
{
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		CHECK(unshare(CLONE_NEWUTS) == 0);
		wait_for_ever(NULL);
	}
}

/* Some of them have children, whom the root gets when they end. */
static void storm(void)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0;; i++) {
		const pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			if (i % 2 && fork() == 0)
				usleep(2000);
			usleep(i % 5 * 500);
			_exit(0);
		}
		while (waitpid(-1, NULL, i % 8 ? WNOHANG : 0) > 0)
			;
	}
}

static void make(const char *kind, const char *directory)
{
	if (strcmp(kind, "memory") == 0)
		clone_child(CLONE_VM | SIGCHLD);
	else if (strcmp(kind, "files") == 0)
		clone_child(CLONE_FILES | SIGCHLD);
	else if (strcmp(kind, "directory") == 0)
		clone_child(CLONE_FS | SIGCHLD);
	else if (strcmp(kind, "signal") == 0)
		clone_child(SIGUSR1);
	else if (strcmp(kind, "session") == 0 || strcmp(kind, "group") == 0)
		lose_leader(kind[0] == 's');
	else if (strcmp(kind, "left") == 0)
		leave_group();
	else if (strcmp(kind, "namespace") == 0)
		fork_in_namespace();
	else if (strcmp(kind, "storm") == 0)
		storm();
	else if (strcmp(kind, "many") == 0)
		for (int i = 0; i < NR_MANY; i++)
			child = fork_waiting();
	else
		open_common(kind, directory);
}

int main(int argc, char **argv)
{
	char line[64];

	CHECK(argc == 3);
	setvbuf(stdout, NULL, _IOLBF, 0);
	make(argv[1], argv[2]);
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		puts(kill(child, 0) == 0 && waitpid(child, NULL, WNOHANG | __WALL) == 0 ? "right" : "gone");
	return 0;
}
