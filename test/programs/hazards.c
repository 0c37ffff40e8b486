/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways in which a shared pseudo-file could betray private memory, each tried on
 * a tracked target that checks itself:
 *
 *   hazards NAME     one of the table at the end; `hazards` alone lists them
 */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "client.h"

static int to_controller, from_controller;

/* T: track all there is now. R: revert. H: harvest until told otherwise. */
static void step(char what)
{
	char answer;

	CHECK(write(to_controller, &what, 1) == 1);
	CHECK(read(from_controller, &answer, 1) == 1);
}

static char *map(size_t pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

/* Two mallocs can be one mapping: growing one must not reach the other. */
static void neighbours(void)
{
	size_t size = 1 << 20;
	char *first = malloc(size), *second = malloc(size);

	memset(first, 1, size);
	memset(second, 2, size);
	step('T');
	first = realloc(first, 3 * size);
	second = realloc(second, 4 * size);
	memset(first + size, 3, 2 * size);
	for (size_t i = 0; i < size; i++)
		CHECK(first[i] == 1 && second[i] == 2);
	step('R');
	for (size_t i = 0; i < size; i++)
		CHECK(first[i] == 1 && second[i] == 2 && first[size + i] == 3);
}

static void moved_tail(void)
{
	char *head = map(16), *tail;

	memset(head, 1, 8 * PAGE);
	memset(head + 8 * PAGE, 2, 8 * PAGE);
	step('T');
	tail = mremap(head + 8 * PAGE, 8 * PAGE, 8 * PAGE,
		      MREMAP_MAYMOVE | MREMAP_FIXED, head + (64 << 20));
	CHECK(tail != MAP_FAILED);
	head = mremap(head, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
	CHECK(head != MAP_FAILED);
	for (size_t i = 0; i < 8 * PAGE; i++)
		CHECK(head[i] == 1 && tail[i] == 2 && head[8 * PAGE + i] == 0);
	step('R');
	for (size_t i = 0; i < 8 * PAGE; i++)
		CHECK(head[i] == 1 && tail[i] == 2 && head[8 * PAGE + i] == 0);
}

static void endless_growth(void)
{
	char *low = map(4), *high;

	memset(low, 1, 4 * PAGE);
	step('T');
	high = map(4);
	memset(high, 2, 4 * PAGE);
	step('T');
	low = mremap(low, 4 * PAGE, 8UL << 40, MREMAP_MAYMOVE);
	CHECK(low == MAP_FAILED || low[4 * PAGE - 1] == 1);
	CHECK(high[0] == 2 && high[4 * PAGE - 1] == 2);
	step('R');
	CHECK(high[0] == 2 && high[4 * PAGE - 1] == 2);
}

/* A madvise() that fails must not discard. */
static void failed_madvise(void)
{
	char *memory = map(16);

	memset(memory, 1, 16 * PAGE);
	step('T');
	CHECK(madvise(memory + 100, 4 * PAGE, MADV_DONTNEED) == -1);
	CHECK(memory[0] == 1 && memory[3 * PAGE] == 1);
	CHECK(mlock(memory, 16 * PAGE) == 0);
	CHECK(madvise(memory, 16 * PAGE, MADV_DONTNEED) == -1);
	for (size_t i = 0; i < 16; i++)
		CHECK(memory[i * PAGE] == 1);
	step('R');
	CHECK(memory[15 * PAGE] == 1);
}

static void kept_mapping(void)
{
	char *old = map(16), *moved;

	memset(old, 1, 16 * PAGE);
	step('T');
	moved = mremap(old, 16 * PAGE, 16 * PAGE,
		       MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	CHECK(moved != MAP_FAILED);
	for (size_t i = 0; i < 16; i++)
		CHECK(old[i * PAGE] == 0 && moved[i * PAGE] == 1);
	old[0] = 5;
	CHECK(mremap(moved, 0, 16 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	step('R');
	for (size_t i = 0; i < 16; i++)
		CHECK(moved[i * PAGE] == 1 && old[i * PAGE] == (i ? 0 : 5));
}

/* A page saved for one child must not stay mapped, live, in an older one. */
static void pinned_at_fork(void)
{
	char *memory = map(4), c;
	int ends[2], seen[2], go[2], status;
	struct iovec part = { memory, PAGE };
	pid_t first, second;

	memset(memory, 1, 4 * PAGE);
	step('T');
	CHECK(pipe(ends) == 0 && pipe(seen) == 0 && pipe(go) == 0);
	first = fork();
	if (first == 0) {
		c = *(volatile char *)memory;
		CHECK(write(seen[1], &c, 1) == 1 && read(go[0], &c, 1) == 1);
		_exit(memory[0] == 1 ? 0 : 1);
	}
	CHECK(read(seen[0], &c, 1) == 1);
	CHECK(vmsplice(ends[1], &part, 1, 0) == (ssize_t)PAGE);
	second = fork();
	if (second == 0)
		_exit(read(go[0], &c, 1) == 1 && memory[0] == 1 ? 0 : 1);
	memory[0] = 77;
	CHECK(write(go[1], "go", 2) == 2);
	CHECK(waitpid(first, &status, 0) == first && status == 0);
	CHECK(waitpid(second, &status, 0) == second && status == 0);
	step('R');
}

/* Forks while harvests run: no child may see what its parent writes later. */
static void forks_and_harvests(void)
{
	size_t pages = 1024;
	unsigned char *memory = (unsigned char *)map(pages);
	time_t end = time(NULL) + 8;
	int status;

	memset(memory, 1, pages * PAGE);
	step('T');
	step('H');
	for (unsigned char value = 1; time(NULL) < end; value += 2) {
		pid_t child;

		for (size_t i = 0; i < pages; i++)
			memory[i * PAGE] = value;
		child = fork();
		if (child == 0) {
			int bad = 0;

			usleep(1000);
			for (size_t i = 0; i < pages; i++)
				bad |= memory[i * PAGE] != value;
			_exit(bad);
		}
		for (size_t i = pages; i-- > 0;)
			memory[i * PAGE] = value + 1;
		CHECK(waitpid(child, &status, 0) == child && status == 0);
	}
}

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0 && write(fd, value, strlen(value)) > 0);
	close(fd);
}

/* Where an administrator wants huge pages in shared memory, forks still hold. */
static void huge_folios(void)
{
	const char *setting =
		"/sys/kernel/mm/transparent_hugepage/shmem_enabled";
	size_t pages = 2048;
	char *memory = map(pages);
	int status;
	pid_t child;

	set(setting, "always");
	memset(memory, 1, pages * PAGE);
	step('T');
	for (size_t i = 0; i < pages; i++)
		memory[i * PAGE] = 2;
	child = fork();
	if (child == 0) {
		int bad = 0;

		usleep(300000);
		for (size_t i = 0; i < pages; i++)
			bad |= memory[i * PAGE] != 2;
		_exit(bad);
	}
	for (size_t i = 0; i < pages; i++)
		memory[i * PAGE] = 9;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	step('R');
	for (size_t i = 0; i < pages; i++)
		CHECK(memory[i * PAGE] == 9 && memory[i * PAGE + 1] == 1);
	set(setting, "never");
}

/* Registered buffers are written by the kernel: they must not be swapped. */
static void registered_buffer(void)
{
	struct io_uring_params params = { 0 };
	int ring = syscall(__NR_io_uring_setup, 4, &params);
	char *buffer = map(16);
	struct iovec part = { buffer, PAGE };

	CHECK(ring >= 0);
	buffer[0] = 1;
	CHECK(syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS,
		      &part, 1) == 0);
	step('P');
	CHECK(buffer[0] == 1);
}

static const struct {
	const char *name;
	void (*run)(void);
} hazards[] = {
	{ "neighbours", neighbours },
	{ "moved_tail", moved_tail },
	{ "endless_growth", endless_growth },
	{ "failed_madvise", failed_madvise },
	{ "kept_mapping", kept_mapping },
	{ "pinned_at_fork", pinned_at_fork },
	{ "forks_and_harvests", forks_and_harvests },
	{ "huge_folios", huge_folios },
	{ "registered_buffer", registered_buffer },
};

static int swap_each(int session)
{
	static struct tracker_vma vmas[4096];
	unsigned n = client_layout(session, vmas, 4096);
	int nr_pinned = 0;

	for (unsigned i = 0; i < n; i++) {
		struct tracker_range range = { vmas[i].start, vmas[i].end };
		struct tracker_swap args = { .ranges_addr = (uintptr_t)&range,
					     .nr_ranges = 1 };

		if (vmas[i].state != TRACKER_VMA_SWAPPABLE)
			continue;
		if (ioctl(session, TRACKER_IOC_SWAP, &args) == 0)
			continue;
		CHECK(errno == EAGAIN);
		nr_pinned++;
	}
	return nr_pinned;
}

/* Harvests until the target has ended. */
static void harvest_on(int session, pid_t pid)
{
	struct tracker_harvest args;

	while (kill(pid, 0) == 0) {
		args = (struct tracker_harvest){
			.runs_addr = (uintptr_t)client_runs, .nr_runs = 1 << 16
		};
		if (ioctl(session, TRACKER_IOC_HARVEST, &args))
			return;
		ioctl(session, TRACKER_IOC_COMMIT,
		      &(struct tracker_epoch){ .epoch = args.epoch });
		if (waitpid(pid, NULL, WNOHANG | WNOWAIT) != 0)
			return;
	}
}

static int control(pid_t pid, int in, int out)
{
	int device = client_open_device(), session = -1, status;
	char what;

	while (read(in, &what, 1) == 1) {
		if (session < 0)
			session = client_open_session(device, pid,
						      TRACKER_SESSION_CREATE);
		if (what == 'H') {
			CHECK(write(out, "g", 1) == 1);
			harvest_on(session, pid);
			continue;
		}
		client_freeze(pid);
		if (what == 'T')
			client_swap_all(session);
		else if (what == 'P')
			CHECK(swap_each(session) > 0);
		else
			client_revert(session);
		client_thaw(pid);
		CHECK(write(out, "g", 1) == 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status != 0;
}

int main(int argc, char **argv)
{
	int up[2], down[2];
	unsigned i;
	pid_t pid;

	for (i = 0; i < sizeof(hazards) / sizeof(*hazards); i++) {
		if (argc < 2)
			puts(hazards[i].name);
		else if (!strcmp(hazards[i].name, argv[1]))
			break;
	}
	if (argc < 2 || i == sizeof(hazards) / sizeof(*hazards))
		return argc >= 2;
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid = fork();
	if (pid == 0) {
		to_controller = up[1];
		from_controller = down[0];
		close(up[0]);
		close(down[1]);
		hazards[i].run();
		return 0;
	}
	close(up[1]);
	close(down[0]);
	return control(pid, up[0], down[1]);
}
