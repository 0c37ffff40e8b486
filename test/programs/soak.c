/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations on memory of every kind, by threads that each know what
 * every page of theirs must contain, and check it all the time:
 *
 *   soak --seed N [--ops N] [--workers N] [--only FAMILY,...] [--except ...]
 *        [--directory PATH] [--trace] [--serve]
 *
 * The seed alone decides what each thread does, operation by operation. Without
 * --serve it ends after --ops operations of each thread and prints a digest of
 * them. With --serve it says `ready`, goes on without end, and answers lines:
 *
 *   check   every page of every thread     `checked OPERATIONS PAGES`
 *   quit    checks once more and exits     `done OPERATIONS PAGES`
 *
 * Exit status: 0; 1 after a violation, said on standard error with its seed,
 * thread and operation; 2 usage.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <malloc.h>
#include <stdlib.h>

#include "soak/advice-operations.h"
#include "soak/child-operations.h"
#include "soak/mapping-operations.h"
#include "soak/thread-operations.h"

static const struct operation {
	const char *family, *name;
	void (*run)(void);
	unsigned weight;
} operations[] = {
	{ "anon", "map anon", op_map_anon, 12 },
	{ "anon", "write pages", op_write_pages, 60 },
	{ "anon", "check pages", op_check_pages, 30 },
	{ "anon", "unmap", op_unmap, 8 },
	{ "file", "map a file, private", op_map_file, 8 },
	{ "memfd", "map memfd", op_map_memfd, 6 },
	{ "memfd", "visit", op_visit, 4 },
	{ "shared-anon", "map anon, shared", op_map_shared_anon, 3 },
	{ "sysv", "map SysV", op_map_sysv, 3 },
	{ "shared-file", "map a file, shared", op_map_shared_file, 6 },
	{ "unmap", "unmap a part", op_unmap_part, 5 },
	{ "unmap", "replace", op_replace, 5 },
	{ "protect", "protect", op_protect, 10 },
	{ "protect", "protect round trip", op_protect_round_trip, 8 },
	{ "remap", "resize", op_remap_resize, 8 },
	{ "remap", "move", op_remap_move, 5 },
	{ "remap", "move a part", op_remap_part, 5 },
	{ "remap", "move and keep", op_remap_keep, 4 },
	{ "break", "brk", op_break, 6 },
	{ "advise", "discard", op_discard, 10 },
	{ "advise", "free", op_free, 6 },
	{ "advise", "remove", op_remove, 4 },
	{ "advise", "hint", op_hint, 10 },
	{ "advise", "populate", op_populate, 5 },
	{ "advise", "sync", op_sync, 3 },
	{ "inherit", "wipe on fork", op_wipe_on_fork, 3 },
	{ "inherit", "do not fork", op_not_inherited, 3 },
	{ "lock", "lock", op_lock, 4 },
	{ "lock", "unlock", op_unlock, 4 },
	{ "lock", "discard locked", op_discard_locked, 4 },
	{ "read", "read", op_read, 8 },
	{ "read", "read a pipe", op_read_pipe, 5 },
	{ "read", "write from outside", op_write_from_outside, 5 },
	{ "read", "read without permission", op_refused_read, 4 },
	{ "read", "output", op_output, 6 },
	{ "write", "write to the file", op_file_write, 3 },
	{ "write", "read the file", op_file_read, 4 },
	{ "write", "punch", op_file_punch, 3 },
	{ "write", "truncate", op_file_truncate, 3 },
	{ "fork", "fork", op_fork, 3 },
	{ "fork", "fork and keep", op_fork_and_keep, 3 },
	{ "fork", "release", op_release, 2 },
	{ "fork", "fork deep", op_fork_deep, 1 },
	{ "fork", "fork and share", op_fork_and_share, 2 },
	{ "exec", "exec", op_exec, 1 },
	{ "threads", "common pages", op_commons, 12 },
	{ "threads", "thread", op_thread, 3 },
	{ "futex", "handshake", op_handshake, 10 },
	{ "futex", "counter", op_lock_counter, 20 },
	{ "stack", "stack", op_stack, 6 },
	{ "signal", "signal", op_signal, 6 },
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(*operations))

static struct worker workers[MAX_WORKERS];
static unsigned nr_workers = 3, total_weight;
static uint64_t max_ops = 2000;
static bool is_enabled[NR_OPERATIONS], is_traced, is_serving;
static atomic_uint wanted_check, nr_at_check;
static atomic_bool is_ending;

/* All wait for the last one, so that nobody writes what another one checks. */
static void check_all(unsigned check)
{
	worker_check(self, ALL_KINDS);
	atomic_fetch_add(&nr_at_check, 1);
	while (atomic_load(&nr_at_check) < check * nr_workers)
		usleep(500);
}

static const struct operation *pick_operation(void)
{
	unsigned left = below(total_weight);

	for (unsigned i = 0;; i++) {
		if (!is_enabled[i])
			continue;
		if (left < operations[i].weight)
			return &operations[i];
		left -= operations[i].weight;
	}
}

static void work_once(void)
{
	const struct operation *operation = pick_operation();

	self->nr_ops++;
	self->operation = operation->name;
	if (is_traced)
		fprintf(stderr, "soak: thread %u, operation %llu: %s\n",
			self->index, (unsigned long long)self->nr_ops,
			operation->name);
	operation->run();
	self->digest = random_mix(self->digest ^ (operation - operations) ^
				  self->random ^ self->nr_stamps);
	if (self->nr_ops % 64 == 0)
		worker_check(self, ALL_KINDS);
}

static void use_alternate_stack(void)
{
	stack_t stack = { .ss_size = ALTERNATE_SIZE };

	self->alternate = private_map(ANON, 0, ALTERNATE_SIZE / PAGE, NULL);
	stack.ss_sp = self->alternate;
	MUST(sigaltstack(&stack, NULL) == 0);
}

static void *work(void *argument)
{
	unsigned checked = 0;

	self = argument;
	use_alternate_stack();
	while (!is_ending && (is_serving || self->nr_ops < max_ops)) {
		unsigned wanted = atomic_load(&wanted_check);

		work_once();
		if (checked != wanted)
			check_all(++checked);
	}
	self->operation = "end";
	for (unsigned i = 0; i < MAX_CHILDREN; i++)
		release_child(&self->children[i]);
	worker_check(self, ALL_KINDS);
	return NULL;
}

static int open_scratch(int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/soak-scratch-XXXXXX", directory);
	fd = mkostemp(path, O_CLOEXEC | flags);
	MUST(fd >= 0 && unlink(path) == 0);
	return fd;
}

static void original_create(void)
{
	static char page[4096];

	original = open_scratch(0);
	for (unsigned i = 0; i < MAX_PAGES; i++) {
		page_fill(page, file_content(i));
		MUST(write(original, page, PAGE) == PAGE);
	}
}

static void worker_create(struct worker *worker, unsigned index)
{
	*worker = (struct worker){ .index = index, .operation = "set-up" };
	worker->random = random_mix(seed ^ ((uint64_t)index << 32));
	worker->scratch = memfd_create("soak-scratch", MFD_CLOEXEC);
	worker->direct = open_scratch(O_DIRECT);
	worker->memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	MUST(worker->scratch >= 0 && worker->memory >= 0);
	MUST(pipe2(worker->pipe, O_CLOEXEC) == 0);
	worker->buffer = private_map(ANON, 0, MAX_PAGES, NULL);
	handshakes_create(worker);
}

/* No allocation of the C library may move the program break later. */
static void keep_break(void)
{
	mallopt(M_TOP_PAD, 8 << 20);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	free(malloc(100000));
}

static void set_up(void)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_ONSTACK | SA_SIGINFO };

	keep_break();
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	original_create();
	commons = (void *)private_map(ANON, 0, MAX_PAGES, NULL);
	counters_create();
	for (unsigned i = 0; i < nr_workers; i++)
		worker_create(&workers[i], i);
}

static void say(const char *what)
{
	uint64_t nr_ops = 0, nr_checked = 0;

	for (unsigned i = 0; i < nr_workers; i++) {
		nr_ops += workers[i].nr_ops;
		nr_checked += workers[i].nr_checked;
	}
	printf("%s %llu %llu\n", what, (unsigned long long)nr_ops,
	       (unsigned long long)nr_checked);
	fflush(stdout);
}

static void *serve(void *argument)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned check;

		if (strcmp(line, "check\n"))
			break;
		check = atomic_fetch_add(&wanted_check, 1) + 1;
		while (atomic_load(&nr_at_check) < check * nr_workers)
			usleep(500);
		say("checked");
	}
	is_ending = true;
	return argument;
}

static void check_counters(void)
{
	for (unsigned which = 0; which < 2; which++) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < nr_workers; i++)
			sum += workers[i].nr_locked[which];
		if (counters[which]->count != sum)
			violation("a counter has / must have",
				  counters[which]->count, sum, which);
	}
}

static void run(void)
{
	pthread_t threads[MAX_WORKERS], server;
	uint64_t digest = 0;

	set_up();
	for (unsigned i = 1; i < nr_workers; i++)
		MUST(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
	if (is_serving) {
		puts("ready");
		fflush(stdout);
		MUST(pthread_create(&server, NULL, serve, NULL) == 0);
	}
	work(&workers[0]);
	for (unsigned i = 1; i < nr_workers; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	check_counters();
	for (unsigned i = 0; i < nr_workers; i++)
		digest = random_mix(digest ^ workers[i].digest);
	for (unsigned i = 0; i < nr_workers; i++)
		for (unsigned s = 0; s < MAX_SEGMENTS; s++)
			if (workers[i].segments[s].kind == SHARED_FILE)
				unlink(workers[i].segments[s].path);
	say("done");
	if (!is_serving)
		printf("seed %llu digest %016llx\n", (unsigned long long)seed,
		       (unsigned long long)digest);
}

static bool has_family(const char *list, const char *family)
{
	size_t length = strlen(family);

	for (const char *at = list; (at = strstr(at, family)); at += length)
		if ((at == list || at[-1] == ',') &&
		    (at[length] == ',' || !at[length]))
			return true;
	return false;
}

static void choose(const char *only, const char *except)
{
	for (unsigned i = 0; i < NR_OPERATIONS; i++) {
		const char *family = operations[i].family;

		is_enabled[i] = (!only || has_family(only, family)) &&
				(!except || !has_family(except, family));
		if (is_enabled[i])
			total_weight += operations[i].weight;
	}
}

static uint64_t number(const char *value, uint64_t otherwise)
{
	return value ? strtoull(value, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "ops", required_argument, NULL, 'n' },
		{ "workers", required_argument, NULL, 'w' },
		{ "only", required_argument, NULL, 'o' },
		{ "except", required_argument, NULL, 'e' },
		{ "directory", required_argument, NULL, 'd' },
		{ "trace", no_argument, NULL, 't' },
		{ "serve", no_argument, NULL, 'S' },
		{}
	};
	const char *values[128] = {};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return 2;
		values[option] = optarg ? optarg : "";
	}
	seed = number(values['s'], seed);
	max_ops = number(values['n'], max_ops);
	nr_workers = number(values['w'], nr_workers);
	directory = values['d'] ? values['d'] : directory;
	is_traced = values['t'];
	is_serving = values['S'];
	choose(values['o'], values['e']);
	if (!total_weight || !nr_workers || nr_workers > MAX_WORKERS)
		return 2;
	run();
	return 0;
}
