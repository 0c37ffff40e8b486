/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family that forks, executes and exits as fast as it can, with at most
 * NR_LIVES processes at a time. `storm KIND SEED` is the promise KIND:
 *
 *   fork       many children, which have children
 *   exec       processes that execute this program again, some after vfork()
 *   exit       processes that are hardly born: they exit, are killed, have threads
 *   deep       each process forks one child and exits; the root adopts the orphans
 *   orphans    the same, but the orphans are adopted by whoever there is above;
 *              begins at SIGUSR1
 *   mixed      all of it
 *
 * Each process knows what its private memory has to contain, and what it has
 * written to its own pages of the shared memory; some shared pages have one
 * content for ever. Who lives is in the shared memory, too (`struct family`).
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "promise.h"

#define NR_LIVES 8
#define NR_PAGES 16		/* private ones */
#define NR_KNOWN 4		/* shared ones that nobody writes */
#define NR_OWN 2		/* shared ones of each process */
#define KNOWN_VALUE 77
#define ENDING_SECONDS 60

enum kind { FORK, EXEC, EXIT, DEEP, ORPHANS, MIXED };

/* The first page of the shared memory. test/support/storm.ts reads it, too. */
struct family {
	int32_t lives[NR_LIVES];	/* pid; 0: free; negative: about to be born */
	int32_t root;
	int32_t is_ending;
	int32_t nr_failures;
	uint32_t nr_births;
};

static struct family *family;
static char *known, *owned;	/* parts of the shared memory */
static int memory;
static enum kind kind;
static volatile sig_atomic_t may_begin;

/* A process' own, and its child's after a fork. */
static int place;		/* in family->lives; -1: the root */
static int nr_steps;		/* that are left */
static uint64_t dice;
static uint64_t last_value;
static char *area;
static uint64_t expected[NR_PAGES];	/* 0: zeros */
static uint64_t own_value;

#define RIGHT(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			fail(#condition, __LINE__);                            \
	} while (0)

static void fail(const char *what, int line)
{
	__atomic_fetch_add(&family->nr_failures, 1, __ATOMIC_SEQ_CST);
	fprintf(stderr, "storm.c:%d: pid %d: %s (errno %d)\n", line, getpid(),
		what, errno);
	_exit(1);
}

static void crash(int signal)
{
	fail(signal == SIGSEGV ? "SIGSEGV" : "SIGBUS", 0);
}

static unsigned int roll(unsigned int nr)
{
	dice = dice * 6364136223846793005 + 1442695040888963407;
	return (unsigned int)(dice >> 33) % nr;
}

static void map_family(void)
{
	size_t nr = 1 + NR_KNOWN + NR_LIVES * NR_OWN;
	char *base = map_with(nr, MAP_SHARED, memory);

	family = (struct family *)base;
	known = base + PAGE;
	owned = known + NR_KNOWN * PAGE;
	signal(SIGSEGV, crash);
	signal(SIGBUS, crash);
	/* Nobody waits for a child. */
	signal(SIGCHLD, SIG_IGN);
}

static void take_memory(void)
{
	area = map_private(NR_PAGES);
	memset(expected, 0, sizeof(expected));
}

/* ---- what is checked ---------------------------------------------------- */

static void check_page(unsigned int page)
{
	if (expected[page])
		RIGHT(holds(area, page, 1, expected[page]));
	else
		RIGHT(is_zero(area, page, 1));
}

static void check_all(void)
{
	for (unsigned int page = 0; page < NR_PAGES; page++)
		check_page(page);
}

static void write_page(unsigned int page)
{
	expected[page] = ++last_value * 100000 + getpid();
	fill(area, page, 1, expected[page]);
}

static void forget_page(unsigned int page)
{
	RIGHT(madvise(area + page * PAGE, PAGE, MADV_DONTNEED) == 0);
	expected[page] = 0;
}

static void write_own(void)
{
	own_value++;
	fill(owned, place * NR_OWN, NR_OWN, own_value * 100000 + getpid());
}

static void check_own(void)
{
	RIGHT(holds(owned, place * NR_OWN, NR_OWN,
		    own_value * 100000 + getpid()));
}

static void work(void)
{
	unsigned int page = roll(NR_KNOWN);

	RIGHT(holds(known, page, 1, KNOWN_VALUE));
	check_page(roll(NR_PAGES));
	check_page(roll(NR_PAGES));
	if (roll(8) == 0)
		forget_page(roll(NR_PAGES));
	else
		write_page(roll(NR_PAGES));
	if (place < 0)
		return;
	check_own();
	if (roll(4) == 0)
		write_own();
}

/* ---- birth and death ---------------------------------------------------- */

static int is_over(void)
{
	return __atomic_load_n(&family->is_ending, __ATOMIC_SEQ_CST) ||
	       (kill(family->root, 0) < 0 && errno == ESRCH);
}

/* Return: a place for a child, or -1: there are enough. */
static int reserve_place(unsigned int nr)
{
	unsigned int first = roll(nr);

	for (unsigned int i = 0; i < nr; i++) {
		int32_t nobody = 0;
		unsigned int at = (first + i) % nr;

		if (__atomic_compare_exchange_n(&family->lives[at], &nobody,
						-getpid(), 0, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return (int)at;
	}
	return -1;
}

static void take_place(int at)
{
	place = at;
	__atomic_store_n(&family->lives[at], getpid(), __ATOMIC_SEQ_CST);
	own_value = 0;
	write_own();
}

static void *spin(void *unused)
{
	for (;;)
		sched_yield();
	return unused;
}

static void die(void)
{
	pthread_t thread;
	int way = roll(3);

	if (way == 0)
		RIGHT(pthread_create(&thread, NULL, spin, NULL) == 0);
	__atomic_store_n(&family->lives[place], 0, __ATOMIC_SEQ_CST);
	if (way == 1)
		kill(getpid(), SIGKILL);
	_exit(0);
}

/* The program again, in the same place: nothing is left of the private memory. */
static void execute(int at)
{
	char words[5][24];
	char *argv[] = { "storm", "--again", words[0], words[1], words[2],
			 words[3], words[4], NULL };

	snprintf(words[0], sizeof(words[0]), "%d", memory);
	snprintf(words[1], sizeof(words[1]), "%d", at);
	snprintf(words[2], sizeof(words[2]), "%d", kind);
	snprintf(words[3], sizeof(words[3]), "%d", nr_steps);
	snprintf(words[4], sizeof(words[4]), "%llu", (unsigned long long)dice);
	execv("/proc/self/exe", argv);
	_exit(1);
}

static void live(void) __attribute__((noreturn));

/* A child has what its parent has, and goes on by itself. */
static void fork_one(unsigned int nr, int steps)
{
	int32_t expectant = -getpid();
	int at = reserve_place(nr);
	pid_t pid;

	if (at < 0)
		return;
	__atomic_fetch_add(&family->nr_births, 1, __ATOMIC_SEQ_CST);
	pid = fork();
	RIGHT(pid >= 0);
	if (pid == 0) {
		take_place(at);
		dice ^= getpid();
		nr_steps = steps;
		check_all();
		live();
	}
	/* Unless the child has done so itself. */
	__atomic_compare_exchange_n(&family->lives[at], &expectant, pid, 0,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* The child is on this process' memory until it executes. */
static void spawn_one(void)
{
	int at = reserve_place(NR_LIVES);
	volatile pid_t pid;

	if (at < 0)
		return;
	__atomic_fetch_add(&family->nr_births, 1, __ATOMIC_SEQ_CST);
	pid = vfork();
	if (pid == 0)
		execute(at);
	RIGHT(pid > 0);
}

/* ---- kinds -------------------------------------------------------------- */

static void be_wild(enum kind way)
{
	switch (way) {
	case FORK:
		if (roll(3) == 0)
			fork_one(NR_LIVES, 4 + roll(12));
		break;
	case EXEC:
		if (roll(3) == 0)
			fork_one(NR_LIVES, 4 + roll(8));
		else if (roll(3) == 0)
			spawn_one();
		else if (roll(3) == 0 && place >= 0)
			execute(place);
		break;
	case EXIT:
		fork_one(NR_LIVES, roll(3));
		break;
	default:
		/* A chain: there are fewer of those than places. */
		if (place < 0) {
			fork_one(NR_LIVES / 2, 1);
		} else {
			fork_one(NR_LIVES, 1);
			nr_steps = 0;
		}
	}
}

static void step(void)
{
	work();
	be_wild(kind == MIXED ? (enum kind)roll(4) : kind);
}

static void live(void)
{
	while (nr_steps-- > 0 && !is_over())
		step();
	check_all();
	check_own();
	die();
	_exit(1);
}

/* ---- the root ----------------------------------------------------------- */

static void begin(int signal)
{
	(void)signal;
	may_begin = 1;
}

static void set_up(void)
{
	kind = (enum kind)promise.variant;
	memory = memfd_create("storm", 0);
	RIGHT(memory >= 0 &&
	      ftruncate(memory, (1 + NR_KNOWN + NR_LIVES * NR_OWN) * PAGE) == 0);
	map_family();
	family->root = getpid();
	fill(known, 0, NR_KNOWN, KNOWN_VALUE);
	take_memory();
	place = -1;
	dice = strtoull(promise.argument ? promise.argument : "1", NULL, 10);
	may_begin = kind != ORPHANS;
	if (kind == ORPHANS)
		signal(SIGUSR1, begin);
	else
		CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
}

static void rage(void)
{
	CHECK(family->nr_failures == 0);
	if (may_begin)
		step();
	else
		work();
}

static int nr_living(void)
{
	int nr = 0;

	for (int i = 0; i < NR_LIVES; i++)
		nr += __atomic_load_n(&family->lives[i], __ATOMIC_SEQ_CST) != 0;
	return nr;
}

static void end_all(void)
{
	__atomic_store_n(&family->is_ending, 1, __ATOMIC_SEQ_CST);
	for (int ms = 0; nr_living() && ms < ENDING_SECONDS * 1000; ms++)
		usleep(1000);
	CHECK(nr_living() == 0);
	CHECK(family->nr_failures == 0);
	check_all();
	CHECK(!may_begin || family->nr_births > 0);
}

static int live_again(char **argv)
{
	memory = atoi(argv[2]);
	kind = (enum kind)atoi(argv[4]);
	nr_steps = atoi(argv[5]) - 1;
	dice = strtoull(argv[6], NULL, 10) ^ getpid();
	map_family();
	take_memory();
	take_place(atoi(argv[3]));
	live();
}

static const struct promise promises[] = {
	{ "fork", set_up, rage, end_all, FORK },
	{ "exec", set_up, rage, end_all, EXEC },
	{ "exit", set_up, rage, end_all, EXIT },
	{ "deep", set_up, rage, end_all, DEEP },
	{ "orphans", set_up, rage, end_all, ORPHANS },
	{ "mixed", set_up, rage, end_all, MIXED },
};

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "--again"))
		return live_again(argv);
	return promise_main(argc, argv, promises,
			    sizeof(promises) / sizeof(*promises));
}
