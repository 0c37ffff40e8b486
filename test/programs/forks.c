/* SPDX-License-Identifier: Apache-2.0 */
/* fork() in its forms: parent and child have memory of their own, or share it. */
#define _GNU_SOURCE
#include <sched.h>
#include <spawn.h>

#include "promise.h"

#define NR_PAGES 32
#define HALF (NR_PAGES / 2)

extern char **environ;

static char *area;

static void set_up_area(void)
{
	area = map_private(NR_PAGES);
	fill(area, 0, NR_PAGES, 0);
}

#define DEPTH 6

/* Each generation writes a page, and must not see the next one's. */
static void descend(unsigned long generation)
{
	uint64_t root = promise.iteration * DEPTH;
	pid_t child;

	CHECK(holds(area, HALF, HALF, root));
	CHECK(holds(area, 0, HALF, root + generation - 1));
	fill(area, 0, HALF / 2, root + generation);
	if (generation == DEPTH - 1)
		return;
	child = fork_child();
	fill(area, HALF / 2, HALF / 2, root + generation);
	if (child == 0) {
		descend(generation + 1);
		_exit(0);
	}
	expect_success(child);
	CHECK(holds(area, 0, HALF, root + generation));
}

static void check_deep(void)
{
	CHECK(holds(area, HALF, HALF, (promise.iteration - 1) * DEPTH));
	fill(area, 0, NR_PAGES, promise.iteration * DEPTH);
	descend(1);
}

/* As many children live at a time as the ring has places. */
#define WIDTH 8

static struct {
	pid_t pid;
	struct door door;
} ring[WIDTH];

static void check_wide(void)
{
	unsigned long place = promise.iteration % WIDTH;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	if (ring[place].pid) {
		open_door(ring[place].door);
		expect_success(ring[place].pid);
		close_door(ring[place].door);
	}
	fill(area, 0, NR_PAGES, promise.iteration);
	ring[place].door = make_door();
	ring[place].pid = fork_child();
	if (ring[place].pid)
		return;
	await(ring[place].door);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
	fill(area, 0, HALF, promise.iteration + 1);
	CHECK(holds(area, 0, HALF, promise.iteration + 1));
	CHECK(holds(area, HALF, HALF, promise.iteration));
	_exit(0);
}

#define NR_TURNS 20

static void write_in_turns(uint64_t salt)
{
	for (uint64_t turn = 0; turn < NR_TURNS; turn++) {
		CHECK(holds(area, 0, NR_PAGES, salt + turn));
		fill(area, 0, NR_PAGES, salt + turn + 1);
	}
}

/* Both write the same pages at the same time. */
static void check_both(void)
{
	uint64_t salt = promise.iteration * 1000;
	pid_t child;

	fill(area, 0, NR_PAGES, salt);
	child = fork_child();
	write_in_turns(salt);
	if (child == 0)
		_exit(0);
	expect_success(child);
}

/* The last child goes on after its parent, and says so. */
static struct door orphan_door;

static void set_up_orphan(void)
{
	set_up_area();
	orphan_door = make_door();
}

static void be_orphan(void)
{
	char byte;

	close(orphan_door.ends[1]);
	/* End-of-file: the parent is gone, and its memory soon. */
	CHECK(read(orphan_door.ends[0], &byte, 1) == 0);
	for (int turn = 0; turn < NR_TURNS; turn++) {
		CHECK(holds(area, 0, NR_PAGES, promise.iteration));
		usleep(1000);
	}
	write_in_turns(promise.iteration);
	dprintf(STDOUT_FILENO, "orphan ok\n");
	_exit(0);
}

static void check_orphan(void)
{
	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	fill(area, 0, NR_PAGES, promise.iteration);
}

static void leave_orphan(void)
{
	pid_t child = fork();

	CHECK(child >= 0);
	if (child == 0)
		be_orphan();
	fill(area, 0, NR_PAGES, promise.iteration + 1);
}

static void check_exec(void)
{
	char *const words[] = { "true", NULL };
	pid_t child;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	child = fork_child();
	if (child == 0) {
		execv("/bin/true", words);
		_exit(1);
	}
	fill(area, 0, NR_PAGES, promise.iteration);
	expect_success(child);
	CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, words, environ) ==
	      0);
	expect_success(child);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

static void check_vfork(void)
{
	static volatile pid_t child;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	child = vfork();
	CHECK(child >= 0);
	if (child == 0) {
		/* Memory is shared until then. */
		fill(area, 0, NR_PAGES, promise.iteration);
		_exit(0);
	}
	expect_success(child);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

/* A process on the same memory, which writes pages of its own in it. */
static struct {
	volatile unsigned long asked, done;
	pid_t pid;
} peer;

static int be_peer(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned long turn = 1;; turn++) {
		while (peer.asked < turn)
			usleep(100);
		if (peer.asked == ~0UL)
			_exit(0);
		CHECK(holds(area, HALF, HALF, turn - 1));
		fill(area, HALF, HALF, turn);
		peer.done = turn;
	}
}

static void set_up_shared_mm(void)
{
	char *stack = map_private(16);

	set_up_area();
	peer.pid = clone(be_peer, stack + 16 * PAGE, CLONE_VM | SIGCHLD, NULL);
	CHECK(peer.pid > 0);
}

static void check_shared_mm(void)
{
	peer.asked = promise.iteration;
	CHECK(holds(area, 0, HALF, promise.iteration - 1));
	fill(area, 0, HALF, promise.iteration);
	while (peer.done < promise.iteration)
		CHECK(waitpid(peer.pid, NULL, WNOHANG) == 0);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

static void end_shared_mm(void)
{
	peer.asked = ~0UL;
	expect_success(peer.pid);
}

static void set_advice(int advice)
{
	CHECK(madvise(area, HALF * PAGE, advice) == 0);
}

static void set_up_dontfork(void)
{
	set_up_area();
	set_advice(MADV_DONTFORK);
}

static void set_up_wipeonfork(void)
{
	set_up_area();
	set_advice(MADV_WIPEONFORK);
}

/* What becomes of the half with the advice in a child. */
static void check_advised(int advice)
{
	pid_t child;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	fill(area, 0, NR_PAGES, promise.iteration);
	child = fork_child();
	if (child == 0) {
		CHECK(holds(area, HALF, HALF, promise.iteration));
		if (advice == MADV_DONTFORK)
			CHECK(fault_of(area, 0) == SIGSEGV);
		else if (advice == MADV_WIPEONFORK)
			CHECK(is_zero(area, 0, HALF));
		else
			CHECK(holds(area, 0, HALF, promise.iteration));
		_exit(0);
	}
	expect_success(child);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

static void check_fixed_advice(void)
{
	check_advised(promise.variant);
}

/* The advice is given in one iteration and taken back in the next one. */
static void check_changing_advice(void)
{
	int undo = promise.variant == MADV_DONTFORK ? MADV_DOFORK :
						      MADV_KEEPONFORK;
	int advice = promise.iteration % 2 ? promise.variant : undo;

	set_advice(advice);
	check_advised(advice);
}

static const struct promise promises[] = {
	{ "deep", set_up_area, check_deep, NULL, 0 },
	{ "wide", set_up_area, check_wide, NULL, 0 },
	{ "both-write", set_up_area, check_both, NULL, 0 },
	{ "orphan", set_up_orphan, check_orphan, leave_orphan, 0 },
	{ "exec", set_up_area, check_exec, NULL, 0 },
	{ "vfork", set_up_area, check_vfork, NULL, 0 },
	{ "shared-mm", set_up_shared_mm, check_shared_mm, end_shared_mm, 0 },
	{ "dontfork", set_up_dontfork, check_fixed_advice, NULL,
	  MADV_DONTFORK },
	{ "dontfork-changes", set_up_area, check_changing_advice, NULL,
	  MADV_DONTFORK },
	{ "wipeonfork", set_up_wipeonfork, check_fixed_advice, NULL,
	  MADV_WIPEONFORK },
	{ "wipeonfork-changes", set_up_area, check_changing_advice, NULL,
	  MADV_WIPEONFORK },
};

PROMISE_MAIN(promises)
