/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a private anonymous mapping promises, checked by the target itself while
 * a controller (its parent) tracks it: fork, MADV_DONTNEED, MADV_FREE, mremap,
 * mprotect, munmap. Prints one line per promise; exit status 0 if all hold.
 */
#define _GNU_SOURCE
#include "client.h"

#define NPAGES 64

static int to_controller, from_controller;
static char *area;

/* Tells the controller what comes next, and waits until it says go. */
static void step(char what)
{
	char answer;

	CHECK(write(to_controller, &what, 1) == 1);
	CHECK(read(from_controller, &answer, 1) == 1);
}

static void fill(char *base, unsigned long pages, char salt)
{
	for (unsigned long i = 0; i < pages; i++)
		memset(base + i * PAGE, salt + i % 64, PAGE);
}

static int holds(const char *base, unsigned long pages, char salt)
{
	for (unsigned long i = 0; i < pages * PAGE; i++)
		if (base[i] != (char)(salt + (i / PAGE) % 64))
			return 0;
	return 1;
}

static int is_zero(const char *base, unsigned long bytes)
{
	for (unsigned long i = 0; i < bytes; i++)
		if (base[i])
			return 0;
	return 1;
}

static int exit_status_of(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The child must see its own writes and the parent's memory at the fork. */
static void check_fork(void)
{
	int go[2];
	char c;
	pid_t first, second;

	fill(area, NPAGES, 1);
	CHECK(pipe(go) == 0);
	first = fork();
	if (first == 0) {
		CHECK(read(go[0], &c, 1) == 1);
		area[0] = 99;
		if (area[0] != 99 || !holds(area + PAGE, NPAGES - 1, 2))
			_exit(1);
		madvise(area + 4 * PAGE, PAGE, MADV_DONTNEED);
		_exit(is_zero(area + 4 * PAGE, PAGE) ? 0 : 2);
	}
	fill(area, NPAGES / 2, 20);
	second = fork();
	if (second == 0) {
		pid_t grandchild;

		CHECK(read(go[0], &c, 1) == 1);
		if (!holds(area, NPAGES / 2, 20))
			_exit(3);
		area[0] = 7;
		grandchild = fork();
		if (grandchild == 0)
			_exit(area[0] == 7 && area[PAGE] == 21 &&
			      area[(NPAGES - 1) * PAGE] == 1 + 63 ? 0 : 4);
		area[PAGE] = 8;
		_exit(exit_status_of(grandchild));
	}
	fill(area, NPAGES, 40);
	madvise(area + 10 * PAGE, 4 * PAGE, MADV_DONTNEED);
	CHECK(is_zero(area + 10 * PAGE, 4 * PAGE));
	CHECK(write(go[1], "xx", 2) == 2);
	CHECK(exit_status_of(first) == 0);
	CHECK(exit_status_of(second) == 0);
	CHECK(holds(area, 10, 40));
	close(go[0]);
	close(go[1]);
	puts("fork: ok");
}

static void check_dontneed(void)
{
	fill(area, NPAGES, 3);
	CHECK(madvise(area + 2 * PAGE, 3 * PAGE, MADV_DONTNEED) == 0);
	CHECK(holds(area, 2, 3));
	CHECK(is_zero(area + 2 * PAGE, 3 * PAGE));
	CHECK(area[5 * PAGE] == 3 + 5);
	area[2 * PAGE] = 1;
	CHECK(area[2 * PAGE] == 1 && area[2 * PAGE + 1] == 0);
	CHECK(madvise(area + 8 * PAGE, PAGE, MADV_FREE) == 0);
	puts("madvise: ok");
}

static void check_mremap(void)
{
	size_t size = 16 * PAGE;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *wall;

	CHECK(map != MAP_FAILED);
	fill(map, 16, 9);
	step('s');			/* swap what is new */
	/* Shrink and grow in place: what comes back reads as zeros. */
	CHECK(mremap(map, size, 8 * PAGE, 0) == map);
	CHECK(mremap(map, 8 * PAGE, size, 0) == map);
	CHECK(holds(map, 8, 9) && is_zero(map + 8 * PAGE, 8 * PAGE));
	fill(map, 16, 9);
	wall = mmap(map + size, PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	map = mremap(map, size, 4 * size, MREMAP_MAYMOVE);
	CHECK(map != MAP_FAILED);
	CHECK(holds(map, 16, 9) && is_zero(map + size, 3 * size));
	fill(map, 64, 5);
	CHECK(holds(map, 64, 5));
	step('r');			/* a round, so that the move is seen */
	CHECK(holds(map, 64, 5));
	CHECK(munmap(map + 4 * PAGE, 4 * PAGE) == 0);
	CHECK(holds(map, 4, 5) && map[8 * PAGE] == 13);
	if (wall != MAP_FAILED)
		munmap(wall, PAGE);
	puts("mremap: ok");
}

static int count_maps(void)
{
	char line[512];
	int count = 0;
	FILE *maps = fopen("/proc/self/maps", "r");

	CHECK(maps);
	while (fgets(line, sizeof(line), maps))
		count++;
	fclose(maps);
	return count;
}

/* Write, read-only, round, writable, write: the last write must be seen. */
static void check_mprotect(void)
{
	int before = count_maps();

	area[0] = 1;
	step('r');
	area[0] = 2;
	CHECK(mprotect(area, PAGE, PROT_READ) == 0);
	step('r');
	CHECK(mprotect(area, PAGE, PROT_READ | PROT_WRITE) == 0);
	area[0] = 3;
	step('0');			/* page 0 of the area must be dirty */
	CHECK(count_maps() == before);	/* split VMAs are merged again */
	puts("mprotect: ok");
}

static int target(void)
{
	area = mmap(NULL, NPAGES * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED);
	fill(area, NPAGES, 11);
	CHECK(write(to_controller, &area, sizeof(area)) == sizeof(area));
	setbuf(stdout, NULL);
	for (int pass = 0; pass < 3; pass++) {
		step(pass == 1 ? 'T' : 'n');	/* tracked in the second pass */
		CHECK(holds(area, NPAGES, 11));
		check_fork();
		check_dontneed();
		check_mremap();
		check_mprotect();
		fill(area, NPAGES, 11);
		if (pass == 1)
			step('R');		/* revert */
		CHECK(holds(area, NPAGES, 11));
		printf("pass %d: ok\n", pass);
	}
	step('q');
	return 0;
}

static void round_trip(int session)
{
	struct tracker_harvest harvest = client_harvest(session);

	client_commit(session, harvest.epoch);
}

static int control(pid_t pid, int in, int out)
{
	int device = client_open_device();
	struct tracker_harvest harvest;
	struct tracker_vma vma;
	int session = -1;
	char *base;
	char what;

	CHECK(read(in, &base, sizeof(base)) == sizeof(base));
	while (read(in, &what, 1) == 1) {
		if (what == 'q')
			break;
		if (what == 'T') {
			session = client_open_session(device, pid,
						      TRACKER_SESSION_CREATE);
			client_freeze(pid);
			client_swap_all(session);
			client_thaw(pid);
		} else if (session >= 0 && what == 's') {
			client_freeze(pid);
			client_swap_all(session);
			client_thaw(pid);
		} else if (session >= 0 && what == 'r') {
			round_trip(session);
		} else if (session >= 0 && what == '0') {
			vma = client_vma(session, (unsigned long)base);
			harvest = client_harvest(session);
			CHECK(client_harvest_has(&harvest, &vma,
						 (unsigned long)base));
			client_commit(session, harvest.epoch);
		} else if (session >= 0 && what == 'R') {
			client_freeze(pid);
			client_revert(session);
			client_thaw(pid);
			close(session);
			session = -1;
		}
		CHECK(write(out, "g", 1) == 1);
	}
	CHECK(write(out, "g", 1) == 1);
	return exit_status_of(pid);
}

int main(void)
{
	int up[2], down[2];
	pid_t pid;

	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid = fork();
	CHECK(pid >= 0);
	to_controller = up[1];
	from_controller = down[0];
	if (pid == 0) {
		close(up[0]);
		close(down[1]);
		return target();
	}
	close(up[1]);
	close(down[0]);
	return control(pid, up[0], down[1]);
}
