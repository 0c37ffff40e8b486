// SPDX-License-Identifier: Apache-2.0
/*
 * A root and its child, with open files that both have, or of which each has an end: sockets, a memfd
 * that only the child has mapped, a timer, and signals as a file. The child is in the process group of one
 * that has ended. Told a line, both check their part and change it; the answer is `right`.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

#define MEMORY_BYTES (4 * PAGE)
#define MEMFD_OFFSET 100

static int pair[2]; /* the root has the first one, the child the other */
static int both[2]; /* both have both: datagrams */
static int listener, memory_fd, timer, signals;
static char *memory; /* the child's */
static struct sockaddr_in address;
static pid_t group;
static int nr_asked;

static void send_number(int fd, int number)
{
	CHECK(send(fd, &number, sizeof(number), 0) == sizeof(number));
}

static int receive_number(int fd)
{
	int number = -1;

	CHECK(recv(fd, &number, sizeof(number), 0) == sizeof(number));
	return number;
}

static void set_up(void)
{
	const struct itimerspec in_an_hour = { .it_value = { .tv_sec = 3600 } };
	const int yes = 1;
	socklen_t length = sizeof(address);
	sigset_t mask;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, both) == 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	/* Its address is free although a connection has ended a moment ago. */
	CHECK(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(listener, (struct sockaddr *)&address, length) == 0);
	CHECK(listen(listener, 7) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	memory_fd = memfd_create("common", 0);
	CHECK(memory_fd >= 0 && ftruncate(memory_fd, MEMORY_BYTES) == 0);
	CHECK(lseek(memory_fd, MEMFD_OFFSET, SEEK_SET) == MEMFD_OFFSET);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	CHECK(timer >= 0 && timerfd_settime(timer, 0, &in_an_hour, NULL) == 0);
	CHECK(sigemptyset(&mask) == 0 && sigaddset(&mask, SIGUSR1) == 0);
	CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
	signals = signalfd(-1, &mask, SFD_NONBLOCK);
	CHECK(signals >= 0);
	send_number(both[0], 0);
}

static void check_common(void)
{
	struct sockaddr_in its = {};
	socklen_t length = sizeof(its);
	struct signalfd_siginfo info;
	struct itimerspec left;

	CHECK(getsockname(listener, (struct sockaddr *)&its, &length) == 0);
	CHECK(its.sin_port == address.sin_port);
	CHECK(timerfd_gettime(timer, &left) == 0);
	CHECK(left.it_value.tv_sec > 1800 && left.it_value.tv_sec < 3600);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(read(signals, &info, sizeof(info)) == sizeof(info));
	CHECK(info.ssi_signo == SIGUSR1 && info.ssi_pid == (unsigned int)getpid());
}

/* What one does to the socket that both have, the other one finds. */
static void check_connection(void)
{
	const int client = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(client >= 0);
	CHECK(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
	send_number(pair[0], nr_asked);
	CHECK(receive_number(pair[0]) == nr_asked);
	CHECK(close(client) == 0);
}

static void run_child(void)
{
	memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	CHECK(memory != MAP_FAILED && close(pair[0]) == 0);
	group = getpgid(0);
	send_number(pair[1], -1);
	for (;;) {
		int number, connection;

		if (recv(pair[1], &number, sizeof(number), 0) != sizeof(number))
			_exit(0);
		CHECK(number == nr_asked && getpgid(0) == group);
		check_common();
		connection = accept(listener, NULL, NULL);
		CHECK(connection >= 0 && close(connection) == 0);
		CHECK(lseek(memory_fd, 0, SEEK_CUR) == MEMFD_OFFSET + nr_asked);
		CHECK(memory[2 * PAGE] == nr_asked);
		CHECK(receive_number(both[1]) == nr_asked);
		send_number(both[0], nr_asked + 1);
		send_number(pair[1], nr_asked++);
	}
}

/* The root's child, in a group that another one has made. */
static void fork_child(void)
{
	const pid_t leader = fork();
	pid_t child;

	CHECK(leader >= 0);
	if (leader == 0)
		pause();
	CHECK(setpgid(leader, leader) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		CHECK(setpgid(0, leader) == 0);
		run_child();
	}
	CHECK(close(pair[1]) == 0 && receive_number(pair[0]) == -1);
	CHECK(kill(leader, SIGKILL) == 0 && waitpid(leader, NULL, 0) == leader);
}

static void check_all(void)
{
	const char number = nr_asked;

	check_common();
	CHECK(pwrite(memory_fd, &number, 1, 2 * PAGE) == 1);
	CHECK(lseek(memory_fd, MEMFD_OFFSET + nr_asked, SEEK_SET) >= 0);
	check_connection();
	nr_asked++;
}

int main(void)
{
	char line[64];

	setvbuf(stdout, NULL, _IOLBF, 0);
	set_up();
	fork_child();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		check_all();
		puts("right");
	}
	return 0;
}
