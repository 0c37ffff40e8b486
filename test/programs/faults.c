/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks a target of its own again and again, and lets one allocation of one
 * step fail each time: the first one, the second one, and so on until the step
 * has no more. Whatever fails, it fails with ENOMEM, works when it is tried
 * again, and the target's data stay right. Needs a kernel with failslab and
 * fail_page_alloc, set up by the caller so that they heed /proc/PID/fail-nth.
 * Prints a line per step: `NAME TIMES FAILED`.
 */
#define _GNU_SOURCE
#include <stdbool.h>

#include "client.h"

#define NR_PAGES 48
#define MAX_NTH 2000

enum step {
	OPEN, LAYOUT, SWAP_SHARED, SWAP, WRITE, FORK, HARVEST, COMMIT, ABORT,
	READ, SHARERS, STRAYS, REVERT, NR_STEPS
};

static const char *const names[NR_STEPS] = {
	"open", "layout", "swap-shared", "swap", "write", "fork", "harvest",
	"commit", "abort", "read", "sharers", "strays", "revert",
};

static enum step step;
static unsigned nth, nr_failed, nr_wrong;
static bool is_injected;
static int to_target, from_target;
static pid_t target_pid;

/* The calling thread's nth allocation from now on fails; 0: none. */
static void arm(unsigned value)
{
	char text[16];
	int fd = open("/proc/thread-self/fail-nth", O_RDWR);

	CHECK(fd >= 0);
	CHECK(write(fd, text, sprintf(text, "%u", value)) > 0);
	close(fd);
}

/* Return: whether the allocation came, and failed. */
static bool disarm(void)
{
	char text[16] = "";
	int fd = open("/proc/thread-self/fail-nth", O_RDWR);

	/* It counts down to 0, and the open may have been what failed. */
	if (fd < 0)
		fd = open("/proc/thread-self/fail-nth", O_RDWR);
	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	CHECK(pwrite(fd, "0", 1, 0) == 1);
	close(fd);
	return atoi(text) == 0;
}

/* All that are wrong are said, before the program fails. */
static void expect_memory_error(void)
{
	nr_failed++;
	if (errno == ENOMEM)
		return;
	fprintf(stderr, "step %s, allocation %u: errno %d (%s), not ENOMEM\n",
		names[step], nth, errno, strerror(errno));
	nr_wrong++;
}

/* A call of the module: at its step it may fail once, for lack of memory. */
static int call(enum step now, int fd, unsigned long request, void *args,
		size_t size)
{
	char copy[256];
	int result;

	CHECK(size <= sizeof(copy));
	memcpy(copy, args, size);
	if (now != step || is_injected)
		return ioctl(fd, request, args);
	arm(nth);
	result = ioctl(fd, request, args);
	if (result < 0)
		expect_memory_error();
	is_injected = disarm();
	if (result >= 0)
		return result;
	CHECK(is_injected);
	memcpy(args, copy, size);
	return ioctl(fd, request, args);
}

#define CALL(now, fd, request, args) call(now, fd, request, args, sizeof(*(args)))

/* It has closed its pipe: how it has ended says why. */
static void target_is_gone(char what)
{
	int status = 0;

	waitpid(target_pid, &status, 0);
	fprintf(stderr, "step %s, allocation %u: the target has ended at '%c': status 0x%x\n",
		names[step], nth, what, status);
	_exit(1);
}

static void ask(char what)
{
	char answer;

	CHECK(write(to_target, &what, 1) == 1);
	if (read(from_target, &answer, 1) != 1)
		target_is_gone(what);
	if (answer == 'f')
		nr_failed++;
	if (answer == 'f' || answer == 'i')
		is_injected = true;
}

static void ask_at(enum step now)
{
	char what = now == WRITE ? 'w' : 'f';

	ask(now == step && !is_injected ? what - 'a' + 'A' : what);
}

/* What can be swapped now, of shared memory or of private memory. */
static unsigned swappable(int session, struct tracker_range *ranges,
			  bool is_shared)
{
	static struct tracker_vma vmas[512];
	struct tracker_layout args = { .vmas_addr = (unsigned long)vmas,
				       .nr_vmas = 512 };
	unsigned nr = 0;

	CHECK(CALL(LAYOUT, session, TRACKER_IOC_LAYOUT, &args) == 0);
	for (unsigned i = 0; i < args.nr_vmas; i++)
		if (vmas[i].state == TRACKER_VMA_SWAPPABLE &&
		    is_shared == (vmas[i].kind == TRACKER_KIND_ANON_SHARED ||
				  vmas[i].kind == TRACKER_KIND_FILE_SHARED))
			ranges[nr++] = (struct tracker_range){ vmas[i].start,
							       vmas[i].end };
	return nr;
}

/* Again from a new layout: a failed call may have swapped some. */
static void swap_all(int session, bool is_shared)
{
	static struct tracker_range ranges[512];
	struct tracker_swap args = {
		.ranges_addr = (unsigned long)ranges,
		.flags = is_shared ? TRACKER_SWAP_SHARED : 0,
	};
	enum step now = is_shared ? SWAP_SHARED : SWAP;

	args.nr_ranges = swappable(session, ranges, is_shared);
	if (now == step && !is_injected) {
		arm(nth);
		if (ioctl(session, TRACKER_IOC_SWAP, &args) < 0)
			expect_memory_error();
		is_injected = disarm();
		args.nr_ranges = swappable(session, ranges, is_shared);
	}
	if (args.nr_ranges == 0)
		return;
	CHECK(ioctl(session, TRACKER_IOC_SWAP, &args) == 0);
	CHECK(args.nr_done == args.nr_ranges);
}

static unsigned long harvest(int session)
{
	struct tracker_harvest args = { .runs_addr = (unsigned long)client_runs,
					.nr_runs = 1 << 16 };

	CHECK(CALL(HARVEST, session, TRACKER_IOC_HARVEST, &args) == 0);
	CHECK(args.nr_pages >= NR_PAGES);
	return args.epoch;
}

static void read_region(int session)
{
	static char page[4096];
	struct tracker_region_open args = { .region = client_runs[0].region };

	CHECK(CALL(READ, session, TRACKER_IOC_REGION_OPEN, &args) == 0);
	CHECK(pread(args.fd, page, PAGE, client_runs[0].page * PAGE) == PAGE);
	close(args.fd);
}

static void count_sharers(int session, unsigned long address)
{
	int pids[8];
	struct tracker_sharers args = { .start = address,
					.pids_addr = (unsigned long)pids,
					.nr_pids = 8 };

	CHECK(CALL(SHARERS, session, TRACKER_IOC_SHARERS, &args) == 0);
}

/* The target's child has been forked, and has ended or has not. */
static void count_strays(int session)
{
	struct tracker_stray strays[8];
	struct tracker_strays args = { .strays_addr = (unsigned long)strays,
				       .nr_strays = 8 };

	CHECK(CALL(STRAYS, session, TRACKER_IOC_STRAYS, &args) == 0);
}

static void track_once(int device, pid_t pid, unsigned long shared)
{
	struct tracker_session_open open = { .pid = pid,
					     .flags = TRACKER_SESSION_CREATE };
	struct tracker_epoch epoch = {};
	struct tracker_revert revert = {};

	CHECK(CALL(OPEN, device, TRACKER_IOC_SESSION_OPEN, &open) == 0);
	count_sharers(open.fd, shared);
	swap_all(open.fd, true);
	client_freeze(pid);
	swap_all(open.fd, false);
	client_thaw(pid);
	ask_at(WRITE);
	epoch.epoch = harvest(open.fd);
	CHECK(CALL(ABORT, open.fd, TRACKER_IOC_ABORT, &epoch) == 0);
	ask_at(FORK);
	count_strays(open.fd);
	epoch.epoch = harvest(open.fd);
	read_region(open.fd);
	CHECK(CALL(COMMIT, open.fd, TRACKER_IOC_COMMIT, &epoch) == 0);
	ask('c');
	client_freeze(pid);
	CHECK(CALL(REVERT, open.fd, TRACKER_IOC_REVERT, &revert) == 0);
	client_thaw(pid);
	close(open.fd);
	ask('c');
}

static char *areas[3], value;

static bool is_right(void)
{
	for (unsigned area = 0; area < 3; area++)
		for (unsigned page = 0; page < NR_PAGES; page++)
			if (areas[area][page * PAGE] != value ||
			    areas[area][page * PAGE + 1] != (char)page)
				return false;
	return true;
}

static void write_all(void)
{
	value++;
	for (unsigned area = 0; area < 3; area++)
		for (unsigned page = 0; page < NR_PAGES; page++) {
			areas[area][page * PAGE] = value;
			areas[area][page * PAGE + 1] = page;
		}
}

/* Return: whether it could; a child, if there is one, is right. */
static bool fork_once(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0) {
		CHECK(errno == ENOMEM || errno == EAGAIN);
		return false;
	}
	if (pid == 0)
		_exit(!is_right());
	areas[0][0] = 0;
	areas[0][0] = value;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	return true;
}

/* Capital letters: with a failing allocation, whose number follows in nth. */
static void target(int in, int out, volatile unsigned *number)
{
	char what, answer;

	while (read(in, &what, 1) == 1) {
		bool is_faulty = what == 'W' || what == 'F', could = true;

		answer = '.';
		if (is_faulty)
			arm(*number);
		if (what == 'w' || what == 'W')
			write_all();
		else if (what == 'f' || what == 'F')
			could = fork_once();
		if (is_faulty)
			answer = disarm() ? (could ? 'i' : 'f') : '.';
		CHECK(is_right());
		CHECK(write(out, &answer, 1) == 1);
	}
	exit(0);
}

static char *map(int flags, int fd)
{
	char *base = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, flags,
			  fd, 0);

	CHECK(base != MAP_FAILED);
	return base;
}

static int file_of_pages(void)
{
	char path[] = "/tmp/faults-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0 && unlink(path) == 0);
	CHECK(ftruncate(fd, NR_PAGES * PAGE) == 0);
	return fd;
}

int main(void)
{
	int up[2], down[2], device = client_open_device();
	volatile unsigned *number = (void *)map(MAP_SHARED | MAP_ANONYMOUS, -1);
	int status;
	pid_t pid;

	areas[0] = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	areas[1] = map(MAP_PRIVATE, file_of_pages());
	areas[2] = map(MAP_SHARED | MAP_ANONYMOUS, -1);
	write_all();
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid = target_pid = fork();
	if (pid == 0) {
		close(up[0]);
		close(down[1]);
		target(down[0], up[1], number);
	}
	CHECK(munmap(areas[2], NR_PAGES * PAGE) == 0);
	close(up[1]);
	close(down[0]);
	to_target = down[1];
	from_target = up[0];
	for (step = 0; step < NR_STEPS; step++) {
		is_injected = true;
		nr_failed = 0;
		for (nth = 1; is_injected && nth < MAX_NTH; nth++) {
			is_injected = false;
			*number = nth;
			track_once(device, pid, (unsigned long)areas[2]);
		}
		printf("%s %u %u\n", names[step], nth - 2, nr_failed);
		fflush(stdout);
	}
	close(to_target);
	CHECK(waitpid(pid, &status, 0) == pid);
	return status != 0 || nr_wrong != 0;
}
