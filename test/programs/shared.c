/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory and shared mappings of files, written by this process and by
 * others. The argument is the directory of the file, for those that have one.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "promise.h"

#define NR_PAGES 32
#define HALF (NR_PAGES / 2)

static int file = -1;
static char *area;

/* A process that writes the upper half when it is told to. */
static struct {
	pid_t pid;
	struct door asked, done;
} partner;

static void map_segment(void)
{
	area = map_with(NR_PAGES, MAP_SHARED, file);
	fill(area, 0, NR_PAGES, 0);
}

static void set_up_memfd(void)
{
	file = make_memfd(NR_PAGES);
	map_segment();
}

static void set_up_shm(void)
{
	char name[32];

	snprintf(name, sizeof(name), "/promise-%d", getpid());
	file = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(file >= 0 && shm_unlink(name) == 0);
	CHECK(ftruncate(file, NR_PAGES * PAGE) == 0);
	map_segment();
}

static int segment;

static void set_up_sysv(void)
{
	segment = shmget(IPC_PRIVATE, NR_PAGES * PAGE, IPC_CREAT | 0600);
	CHECK(segment >= 0);
	area = shmat(segment, NULL, 0);
	CHECK(area != (char *)-1 && shmctl(segment, IPC_RMID, NULL) == 0);
	fill(area, 0, NR_PAGES, 0);
}

static void set_up_anonymous(void)
{
	area = map_with(NR_PAGES, MAP_SHARED | MAP_ANONYMOUS, -1);
	fill(area, 0, NR_PAGES, 0);
}

static void set_up_zero(void)
{
	file = open("/dev/zero", O_RDWR);
	map_segment();
}

/* A file with a name, or, as others would see it, without one. */
static void set_up_file(void)
{
	const char *directory = promise.argument ? promise.argument : "/tmp";
	char path[256];

	snprintf(path, sizeof(path), "%s/promise-%d", directory, getpid());
	file = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(file >= 0 && ftruncate(file, NR_PAGES * PAGE) == 0);
	map_segment();
	if (promise.variant)
		CHECK(unlink(path) == 0);
}

/* The file outlives the process, so that its content can be looked at. */
static void end_file(void)
{
	CHECK(file_holds(file, 0, NR_PAGES, promise.iteration));
}

static void be_partner(void)
{
	for (uint64_t turn = 1;; turn++) {
		await(partner.asked);
		CHECK(holds(area, 0, HALF, turn));
		CHECK(holds(area, HALF, HALF, turn - 1));
		fill(area, HALF, HALF, turn);
		open_door(partner.done);
	}
}

static void start_partner(void)
{
	partner.asked = make_door();
	partner.done = make_door();
	partner.pid = fork_child();
	if (partner.pid == 0)
		be_partner();
}

static void check_partner(void)
{
	if (!partner.pid)
		start_partner();
	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	fill(area, 0, HALF, promise.iteration);
	open_door(partner.asked);
	await(partner.done);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

/* Mapping and file agree, whichever of the two is written. */
static void check_file(void)
{
	check_partner();
	CHECK(file_holds(file, 0, NR_PAGES, promise.iteration));
	file_fill(file, 0, NR_PAGES, promise.iteration + 1);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration + 1));
	fill(area, 0, NR_PAGES, promise.iteration);
	if (promise.iteration % 4 == 0)
		CHECK(msync(area, NR_PAGES * PAGE,
			    promise.iteration % 8 ? MS_SYNC : MS_ASYNC) == 0);
	CHECK(file_holds(file, 0, NR_PAGES, promise.iteration));
}

/* Another process changes the file, not by a mapping. */
static void check_foreign_write(void)
{
	pid_t child;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	child = fork_child();
	if (child == 0) {
		file_fill(file, 0, NR_PAGES, promise.iteration);
		_exit(0);
	}
	expect_success(child);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

/* The same pages at two addresses, the second one shifted by a page. */
static void check_views(void)
{
	static char *second;

	if (!second) {
		second = mmap(NULL, (NR_PAGES - 1) * PAGE,
			      PROT_READ | PROT_WRITE, MAP_SHARED, file, PAGE);
		CHECK(second != MAP_FAILED);
	}
	CHECK(holds(second - PAGE, 1, NR_PAGES - 1, promise.iteration - 1));
	fill(area, 0, HALF, promise.iteration);
	fill(second - PAGE, HALF, HALF, promise.iteration);
	CHECK(holds(second - PAGE, 1, HALF, promise.iteration));
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

/* A mapping that exists only while a child, or this process, writes it. */
static void check_transient(void)
{
	pid_t child = promise.iteration % 2 ? fork_child() : -1;

	if (child <= 0) {
		char *mine = map_with(NR_PAGES, MAP_SHARED, file);

		CHECK(holds(mine, 0, NR_PAGES, promise.iteration - 1));
		fill(mine, 0, NR_PAGES, promise.iteration);
		unmap(mine, 0, NR_PAGES);
		if (child == 0)
			_exit(0);
	} else {
		expect_success(child);
	}
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

static void check_punch(void)
{
	if (promise.iteration > 1) {
		CHECK(is_zero(area, 4, HALF));
		CHECK(holds(area, 4 + HALF, HALF - 4, promise.iteration - 1));
	}
	fill(area, 0, NR_PAGES, promise.iteration);
	CHECK(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			4 * PAGE, HALF * PAGE) == 0);
	CHECK(is_zero(area, 4, HALF) && is_zero(area, 4, HALF));
	CHECK(holds(area, 0, 4, promise.iteration));
	CHECK(holds(area, 4 + HALF, HALF - 4, promise.iteration));
}

/* Shorter in one iteration, long again in the next one. */
static void check_truncate(void)
{
	uint64_t value = promise.iteration / 2;

	if (promise.iteration % 2) {
		fill(area, 0, NR_PAGES, value);
		CHECK(ftruncate(file, HALF * PAGE) == 0);
		CHECK(fault_of(area + HALF * PAGE, 0) == SIGBUS);
		return;
	}
	value--;
	CHECK(fault_of(area + HALF * PAGE, 1) == SIGBUS);
	CHECK(holds(area, 0, HALF, value));
	CHECK(ftruncate(file, NR_PAGES * PAGE) == 0);
	CHECK(is_zero(area, HALF, HALF));
	fill(area, HALF, 4, value);
	CHECK(holds(area, 0, HALF + 4, value));
}

/* A forked child goes on with the segment after it was mapped anew here. */
static void check_remapped(void)
{
	check_partner();
	unmap(area, 0, NR_PAGES);
	CHECK(mmap(area, NR_PAGES * PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0) == area);
}

/* Read-only here, and written by the other side. */
static void check_readonly(void)
{
	CHECK(mprotect(area, NR_PAGES * PAGE, PROT_READ | PROT_WRITE) == 0);
	check_partner();
	CHECK(mprotect(area, NR_PAGES * PAGE, PROT_READ) == 0);
	CHECK(fault_of(area, 1) == SIGSEGV);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

/* Of a file with a name, so that somebody can take it away: a half never written. */
static void check_still(void)
{
	CHECK(holds(area, 0, HALF, promise.iteration - 1));
	CHECK(holds(area, HALF, HALF, 0));
	fill(area, 0, HALF, promise.iteration);
}

/* Two segments, which two threads attach at the same time. */
static struct attached {
	int id;
	char *map;
	struct door asked, done;
} attached[2];

static void attach(const struct attached *one)
{
	char *mine = shmat(one->id, NULL, 0);

	CHECK(mine != (char *)-1);
	CHECK(holds(mine, 0, NR_PAGES, promise.iteration - 1));
	fill(mine, 0, NR_PAGES, promise.iteration);
	CHECK(shmdt(mine + 1) == -1 && errno == EINVAL);
	CHECK(shmdt(mine) == 0);
}

static void *keep_attaching(void *argument)
{
	const struct attached *one = argument;

	for (;;) {
		await(one->asked);
		attach(one);
		open_door(one->done);
	}
	return NULL;
}

static void set_up_attached(void)
{
	pthread_t thread;

	for (struct attached *one = attached; one < attached + 2; one++) {
		set_up_sysv();
		one->id = segment;
		one->map = area;
		one->asked = make_door();
		one->done = make_door();
		CHECK(pthread_create(&thread, NULL, keep_attaching, one) == 0);
	}
}

static void check_attached(void)
{
	for (int i = 0; i < 2; i++)
		open_door(attached[i].asked);
	for (int i = 0; i < 2; i++) {
		await(attached[i].done);
		CHECK(holds(attached[i].map, 0, NR_PAGES, promise.iteration));
	}
}

/* A process that maps the segment, writes a page and unmaps it, all the time. */
static void be_mapper(void)
{
	for (uint64_t turn = 1;; turn++) {
		char *mine = map_with(NR_PAGES, MAP_SHARED, file);

		fill(mine, HALF + turn % HALF, 1, turn);
		unmap(mine, 0, NR_PAGES);
	}
}

static void set_up_mapper(void)
{
	set_up_memfd();
	if (fork_child() == 0)
		be_mapper();
}

static void check_mapper(void)
{
	CHECK(holds(area, 0, HALF, promise.iteration - 1));
	fill(area, 0, HALF, promise.iteration);
}

/*
 * The directory has the layers of an overlay file system, and where that is
 * mounted: the same file is mapped by both of its names.
 */
static void set_up_two_names(void)
{
	char upper[200], path[256];

	snprintf(upper, sizeof(upper), "%s/upper", promise.argument);
	promise.argument = upper;
	set_up_file();
	snprintf(path, sizeof(path), "%s/../merged/promise-%d", upper,
		 getpid());
	file = open(path, O_RDWR);
	CHECK(file >= 0);
}

static const struct promise promises[] = {
	{ "memfd", set_up_memfd, check_file, NULL, 0 },
	{ "shm", set_up_shm, check_file, NULL, 0 },
	{ "sysv", set_up_sysv, check_partner, NULL, 0 },
	{ "sysv-threads", set_up_attached, check_attached, NULL, 0 },
	{ "anonymous", set_up_anonymous, check_partner, NULL, 0 },
	{ "zero", set_up_zero, check_partner, NULL, 0 },
	{ "readonly", set_up_memfd, check_readonly, NULL, 0 },
	{ "views", set_up_memfd, check_views, NULL, 0 },
	{ "transient", set_up_memfd, check_transient, NULL, 0 },
	{ "mapper", set_up_mapper, check_mapper, NULL, 0 },
	{ "remapped", set_up_memfd, check_remapped, NULL, 0 },
	{ "foreign-write", set_up_memfd, check_foreign_write, NULL, 0 },
	{ "punch", set_up_memfd, check_punch, NULL, 0 },
	{ "truncate", set_up_memfd, check_truncate, NULL, 0 },
	{ "file", set_up_file, check_file, end_file, 0 },
	{ "file-deleted", set_up_file, check_file, end_file, 1 },
	{ "file-still", set_up_file, check_still, NULL, 0 },
	{ "file-transient", set_up_file, check_transient, NULL, 1 },
	{ "file-views", set_up_file, check_views, NULL, 1 },
	{ "file-foreign-write", set_up_file, check_foreign_write, NULL, 1 },
	{ "file-punch", set_up_file, check_punch, NULL, 1 },
	{ "file-truncate", set_up_file, check_truncate, NULL, 1 },
	{ "two-names", set_up_two_names, check_transient, NULL, 0 },
};

PROMISE_MAIN(promises)
