/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a round costs when little is dirty: the module's harvest against
 * soft-dirty (clear_refs and pagemap), on one process in one run.
 *
 *   harvest_bench MIB ROUNDS
 *
 * For 16, 256, 4096 and 32768 dirty pages, prints a line of JSON each with the
 * median of ROUNDS rounds, in milliseconds, and the target's cost of the first
 * write to a page in a round, in microseconds.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <time.h>

#include "client.h"

static char *memory;
static unsigned long nr_pages;
static int in, out;

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

/* The target: writes as many pages as it is told, evenly spread. */
static int target(void)
{
	unsigned long dirty;
	double start, per_write;

	while (read(in, &dirty, sizeof(dirty)) == sizeof(dirty)) {
		start = now_ms();
		for (unsigned long i = 0; i < dirty; i++)
			*(volatile char *)(memory + i * (nr_pages / dirty) * PAGE) += 1;
		per_write = dirty ? (now_ms() - start) / dirty * 1e3 : 0;
		CHECK(write(out, &per_write, sizeof(per_write)) ==
		      sizeof(per_write));
	}
	return 0;
}

static double dirty_pages(int to, int from, unsigned long dirty)
{
	double per_write;

	CHECK(write(to, &dirty, sizeof(dirty)) == sizeof(dirty));
	CHECK(read(from, &per_write, sizeof(per_write)) == sizeof(per_write));
	return per_write;
}

static void soft_dirty_clear(int clear_refs)
{
	CHECK(pwrite(clear_refs, "4", 1, 0) == 1);
}

/* Bit 55 of a pagemap entry. */
static unsigned long soft_dirty_read(int pagemap, uint64_t *entries)
{
	off_t at = (uintptr_t)memory / PAGE * 8;
	unsigned long found = 0;

	CHECK(pread(pagemap, entries, nr_pages * 8, at) ==
	      (ssize_t)(nr_pages * 8));
	for (unsigned long i = 0; i < nr_pages; i++)
		found += entries[i] >> 55 & 1;
	return found;
}

struct result {
	double harvest_ms;
	double write_us;
};

static struct result bench_soft_dirty(pid_t pid, int to, int from,
				      unsigned long dirty, unsigned rounds)
{
	uint64_t *entries = malloc(nr_pages * 8);
	double times[rounds], writes[rounds];
	char path[64];
	int clear_refs, pagemap;

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", pid);
	clear_refs = open(path, O_WRONLY);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY);
	CHECK(clear_refs >= 0 && pagemap >= 0 && entries);
	soft_dirty_clear(clear_refs);
	for (unsigned i = 0; i < rounds; i++) {
		double start;

		writes[i] = dirty_pages(to, from, dirty);
		start = now_ms();
		CHECK(soft_dirty_read(pagemap, entries) == dirty);
		soft_dirty_clear(clear_refs);
		times[i] = now_ms() - start;
	}
	close(clear_refs);
	close(pagemap);
	free(entries);
	return (struct result){ median(times, rounds), median(writes, rounds) };
}

static struct result bench_harvest(int session, int to, int from,
				   unsigned long dirty, unsigned rounds)
{
	double times[rounds], writes[rounds];

	client_commit(session, client_harvest(session).epoch);
	for (unsigned i = 0; i < rounds; i++) {
		struct tracker_harvest harvest;
		double start;

		writes[i] = dirty_pages(to, from, dirty);
		start = now_ms();
		harvest = client_harvest(session);
		client_commit(session, harvest.epoch);
		times[i] = now_ms() - start;
		CHECK(harvest.nr_pages >= dirty && harvest.nr_pages < dirty + 32);
	}
	return (struct result){ median(times, rounds), median(writes, rounds) };
}

int main(int argc, char **argv)
{
	unsigned long counts[] = { 16, 256, 4096, 32768 };
	unsigned n = sizeof(counts) / sizeof(*counts);
	unsigned long mib = argc > 1 ? atol(argv[1]) : 512;
	unsigned rounds = argc > 2 ? atoi(argv[2]) : 9;
	struct result soft[n], ours[n];
	double start, swap_ms;
	int up[2], down[2], session;
	pid_t pid;

	nr_pages = mib * 256;
	memory = mmap(NULL, nr_pages * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid = fork();
	if (pid == 0) {
		in = down[0];
		out = up[1];
		close(down[1]);
		for (unsigned long i = 0; i < nr_pages; i++)
			memory[i * PAGE] = 1 + i % 100;
		return target();
	}
	dirty_pages(down[1], up[0], 0);
	for (unsigned i = 0; i < n; i++)
		soft[i] = bench_soft_dirty(pid, down[1], up[0], counts[i], rounds);
	session = client_open_session(client_open_device(), pid,
				      TRACKER_SESSION_CREATE);
	client_freeze(pid);
	start = now_ms();
	CHECK(client_swap_all(session) >= nr_pages);
	swap_ms = now_ms() - start;
	client_thaw(pid);
	for (unsigned i = 0; i < n; i++) {
		ours[i] = bench_harvest(session, down[1], up[0], counts[i], rounds);
		printf("{\"mib\":%lu,\"dirtyPages\":%lu,\"softDirtyMs\":%.3f,\"harvestMs\":%.3f,\"factor\":%.1f,\"softDirtyWriteUs\":%.2f,\"writeUs\":%.2f,\"swapMs\":%.1f}\n",
		       mib, counts[i], soft[i].harvest_ms, ours[i].harvest_ms,
		       soft[i].harvest_ms / ours[i].harvest_ms, soft[i].write_us,
		       ours[i].write_us, swap_ms);
		fflush(stdout);
	}
	client_freeze(pid);
	client_revert(session);
	client_thaw(pid);
	close(down[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}
