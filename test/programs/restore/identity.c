// SPDX-License-Identifier: Apache-2.0
/*
 * Sets who and what it is, and prints all of it as one line on request: it has to be the same line
 * ever after. The argument is a directory to work in; with a second one it gives its rights up.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../check.h"

static void print_capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	CHECK(syscall(SYS_capget, &header, data) == 0);
	for (int i = 0; i < 2; i++)
		printf(" %x/%x/%x", data[i].effective, data[i].permitted, data[i].inheritable);
}

static void print_ids(void)
{
	uid_t uids[3];
	gid_t gids[3], groups[16];
	int count = getgroups(16, groups);

	CHECK(getresuid(&uids[0], &uids[1], &uids[2]) == 0);
	CHECK(getresgid(&gids[0], &gids[1], &gids[2]) == 0);
	printf(" uid %d %d %d gid %d %d %d groups", uids[0], uids[1], uids[2], gids[0], gids[1],
	       gids[2]);
	for (int i = 0; i < count; i++)
		printf(" %d", groups[i]);
}

static void print_rest(void)
{
	char cwd[4096], name[16];
	struct rlimit limit;
	int death_signal, is_subreaper;
	cpu_set_t cpus;
	mode_t mask = umask(0);

	umask(mask);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(getrlimit(RLIMIT_CORE, &limit) == 0);
	CHECK(prctl(PR_GET_NAME, name) == 0);
	CHECK(prctl(PR_GET_PDEATHSIG, &death_signal) == 0);
	CHECK(prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper) == 0);
	CHECK(sched_getaffinity(0, sizeof(cpus), &cpus) == 0);
	printf(" umask %o cwd %s core %lu %lu name %s death %d subreaper %d cpus %d", mask, cwd,
	       limit.rlim_cur, limit.rlim_max, name, death_signal, is_subreaper, CPU_COUNT(&cpus));
	printf(" nice %d policy %d dumpable %d nnp %d slack %d personality %x secure %d",
	       getpriority(PRIO_PROCESS, 0), sched_getscheduler(0), prctl(PR_GET_DUMPABLE),
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_TIMERSLACK),
	       personality(0xffffffff), prctl(PR_GET_SECUREBITS));
}

static void print_oom(void)
{
	char text[16] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDONLY);

	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && close(fd) == 0);
	text[strcspn(text, "\n")] = 0;
	printf(" oom %s", text);
}

static void print(void)
{
	printf("pid %d session %d group %d", getpid(), getsid(0), getpgid(0));
	print_ids();
	print_rest();
	print_oom();
	print_capabilities();
	putchar('\n');
	fflush(stdout);
}

static void set_up(const char *directory)
{
	struct rlimit limit = { 12345, 23456 };
	struct sched_param param = { 0 };
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);
	cpu_set_t cpus;

	CHECK(fd >= 0 && write(fd, "321", 3) == 3 && close(fd) == 0);
	CHECK(setsid() == getpid());
	CHECK(chdir(directory) == 0);
	umask(035);
	CHECK(setrlimit(RLIMIT_CORE, &limit) == 0);
	CHECK(prctl(PR_SET_NAME, "a (name) of") == 0);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	CHECK(prctl(PR_SET_TIMERSLACK, 98765) == 0);
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	CHECK(sched_setaffinity(0, sizeof(cpus), &cpus) == 0);
	CHECK(sched_setscheduler(0, SCHED_BATCH, &param) == 0);
	CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0);
	CHECK(personality(ADDR_NO_RANDOMIZE) >= 0);
}

static void give_up(void)
{
	gid_t groups[] = { 12, 34, 56 };

	CHECK(prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT) == 0);
	CHECK(setgroups(3, groups) == 0);
	CHECK(setresgid(1001, 1002, 1003) == 0);
	CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
	CHECK(setresuid(2001, 2002, 2003) == 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

int main(int argc, char **argv)
{
	char line[64];

	CHECK(argc >= 2);
	set_up(argv[1]);
	if (argc > 2)
		give_up();
	CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
	CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		print();
	return 0;
}
