/* SPDX-License-Identifier: Apache-2.0 */
/* Forked children: each must see the memory as it was at its fork. */
#ifndef SOAK_CHILD_OPERATIONS_H
#define SOAK_CHILD_OPERATIONS_H

#include <sys/prctl.h>
#include <sys/wait.h>

#include "file-operations.h"

static void forget_wiped(void)
{
	for (unsigned i = 0; i < MAX_AREAS; i++) {
		struct area *area = &self->areas[i];

		for (unsigned page = 0; area->kind && page < area->nr_pages;
		     page++) {
			if (area->flags[page] & NOT_INHERITED) {
				area->flags[page] = GONE;
			} else if (area->flags[page] & WIPED) {
				area->content[page] = (struct content){};
				area->flags[page] &= ~FREED;
			}
		}
	}
}

/* Return: 0 in the child. */
static pid_t fork_worker(void)
{
	uint64_t nr_stamps = self->nr_stamps;
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	self->is_child = true;
	/* The model is in memory, too: it must not be the parent's of later. */
	MUST(self->nr_stamps == nr_stamps);
	self->nr_stamps += 1UL << 40;
	forget_wiped();
	return 0;
}

static void expect_exit(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		MUST(errno == EINTR);
	if (status)
		violation("a child has ended with status", status, pid, 0);
}

static void write_private(unsigned nr)
{
	while (nr--) {
		struct range range = pick_range(PRIVATE_KINDS, UNWRITABLE);

		if (range.area)
			range_write(range);
	}
}

static void op_fork(void)
{
	bool writes = one_in(2);
	pid_t pid = fork_worker();

	if (pid) {
		expect_exit(pid);
		return;
	}
	worker_check(self, ALL_KINDS);
	if (writes)
		write_private(4);
	worker_check(self, PRIVATE_KINDS);
	_exit(0);
}

static void release_child(struct child *child)
{
	if (!child->pid)
		return;
	MUST(write(child->release, "", 1) == 1);
	close(child->release);
	expect_exit(child->pid);
	child->pid = 0;
}

/* The child checks now and when it is released, some operations later. */
static void op_fork_and_keep(void)
{
	struct child *child = &self->children[below(MAX_CHILDREN)];
	bool writes = one_in(2);
	int ends[2];
	char byte;

	release_child(child);
	MUST(pipe2(ends, O_CLOEXEC) == 0);
	child->pid = fork_worker();
	if (child->pid) {
		close(ends[0]);
		child->release = ends[1];
		write_private(4);
		return;
	}
	if (writes)
		write_private(2);
	worker_check(self, PRIVATE_KINDS);
	MUST(read(ends[0], &byte, 1) == 1);
	worker_check(self, PRIVATE_KINDS);
	_exit(0);
}

static void op_release(void)
{
	release_child(&self->children[below(MAX_CHILDREN)]);
}

/* A chain of children, each of which writes before and after it forks. */
static void op_fork_deep(void)
{
	unsigned depth = 2 + below(3);
	pid_t pid = fork_worker();

	if (pid) {
		write_private(2);
		expect_exit(pid);
		return;
	}
	while (depth--) {
		write_private(2);
		pid = fork_worker();
		if (pid == 0)
			continue;
		write_private(1);
		worker_check(self, PRIVATE_KINDS);
		expect_exit(pid);
		_exit(0);
	}
	worker_check(self, PRIVATE_KINDS);
	_exit(0);
}

/* What a child writes to shared memory is there for its parent. */
static void op_fork_and_share(void)
{
	struct range range =
		pick_range(SHARED_KINDS, UNWRITABLE | NOT_INHERITED);
	pid_t pid;

	if (!range.area)
		return;
	range_check(range);
	range_prepare(range);
	pid = fork_worker();
	if (pid == 0) {
		memcpy(range_base(range), self->buffer, range.nr * PAGE);
		_exit(0);
	}
	expect_exit(pid);
	range_check(range);
}

static void op_exec(void)
{
	bool borrows = one_in(2);
	pid_t pid = borrows ? vfork() : fork();

	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	MUST(pid > 0);
	expect_exit(pid);
}

#endif
