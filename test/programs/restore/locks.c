// SPDX-License-Identifier: Apache-2.0
/*
 * Locks of all kinds on files in the directory that is given, and a pipe whose signals somebody
 * gets. What others see of them is checked on request.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"

#define SIGNAL (SIGRTMIN + 3)

static const char *directory;
static int ranges, whole, common, own, ends[2];

static int open_file(const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	return fd;
}

static int lock_range(int fd, int command, short type, long start, long length)
{
	struct flock lock = { .l_type = type, .l_start = start, .l_len = length };

	return fcntl(fd, command, &lock);
}

static void set_up(void)
{
	struct f_owner_ex owner = { .type = F_OWNER_TID, .pid = getpid() };
	sigset_t set;

	ranges = open_file("ranges");
	whole = open_file("whole");
	common = open_file("common");
	own = open_file("own");
	CHECK(lock_range(ranges, F_SETLK, F_WRLCK, 10, 10) == 0);
	CHECK(lock_range(ranges, F_SETLK, F_RDLCK, 100, 0) == 0);
	CHECK(flock(whole, LOCK_EX) == 0 && flock(common, LOCK_SH) == 0);
	CHECK(lock_range(own, F_OFD_SETLK, F_WRLCK, 5, 1) == 0);
	CHECK(dup2(whole, 60) == 60);
	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && pipe(ends) == 0);
	CHECK(fcntl(ends[0], F_SETOWN_EX, &owner) == 0 && fcntl(ends[0], F_SETSIG, SIGNAL) == 0);
	CHECK(fcntl(ends[0], F_SETFL, O_ASYNC) == 0);
}

/* Whether another process may lock these bytes. */
static int is_free(int fd, short type, long start, long length)
{
	struct flock lock = { .l_type = type, .l_start = start, .l_len = length };

	CHECK(fcntl(fd, F_GETLK, &lock) == 0);
	return lock.l_type == F_UNLCK;
}

static void check_as_another(void)
{
	ranges = open_file("ranges");
	CHECK(!is_free(ranges, F_RDLCK, 10, 1) && !is_free(ranges, F_RDLCK, 19, 1));
	CHECK(is_free(ranges, F_WRLCK, 9, 1) && is_free(ranges, F_WRLCK, 20, 80));
	CHECK(is_free(ranges, F_RDLCK, 100, 0) && !is_free(ranges, F_WRLCK, 1L << 40, 1));
	CHECK(flock(open_file("whole"), LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	common = open_file("common");
	CHECK(flock(common, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	CHECK(flock(common, LOCK_SH | LOCK_NB) == 0);
	own = open_file("own");
	CHECK(!is_free(own, F_RDLCK, 5, 1) && is_free(own, F_WRLCK, 6, 0));
}

static void check(void)
{
	struct f_owner_ex owner;
	struct timespec bound = { .tv_sec = 30 };
	siginfo_t info;
	sigset_t set;
	int status;
	pid_t child = fork();

	if (child == 0) {
		check_as_another();
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	/* The lock of one open file is that of both descriptors. */
	CHECK(flock(60, LOCK_UN) == 0 && flock(open_file("whole"), LOCK_EX | LOCK_NB) == 0);
	CHECK(fcntl(ends[0], F_GETOWN_EX, &owner) == 0 && fcntl(ends[0], F_GETSIG) == SIGNAL);
	CHECK(owner.type == F_OWNER_TID && owner.pid == getpid());
	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	CHECK(write(ends[1], "x", 1) == 1 && sigtimedwait(&set, &info, &bound) == SIGNAL);
	CHECK(info.si_fd == ends[0]);
}

int main(int argc, char **argv)
{
	char line[64];

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(argc == 2);
	directory = argv[1];
	set_up();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		switch (line[0]) {
		case 'l':
			CHECK(fcntl(open_file("leased"), F_SETLEASE, F_WRLCK) == 0);
			break;
		case 'o':
			/* It shall not really get them. */
			CHECK(fcntl(ends[0], F_SETFL, 0) == 0);
			CHECK(fcntl(ends[0], F_SETOWN, getppid()) == 0);
			break;
		case 'p':
			break;
		default:
			check();
		}
		puts("right");
	}
	return 0;
}
