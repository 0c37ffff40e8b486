/* SPDX-License-Identifier: Apache-2.0 */
/* Memory written by the kernel for a system call, and files changed by one. */
#ifndef SOAK_FILE_OPERATIONS_H
#define SOAK_FILE_OPERATIONS_H

#include <sys/uio.h>

#include "areas.h"

/* New content for writable pages, into the buffer and the model. */
static void range_prepare(struct range range)
{
	for (unsigned i = 0; i < range.nr; i++) {
		struct content content = new_content();

		page_fill(self->buffer + i * PAGE, content);
		*content_of(range.area, range.first + i) = content;
		range.area->flags[range.first + i] &= ~FREED;
	}
}

static void op_write_pages(void)
{
	struct range range = pick_range(ALL_KINDS, UNWRITABLE);

	if (range.area)
		range_write(range);
}

static void op_check_pages(void)
{
	struct range range = pick_range(ALL_KINDS, GONE);

	if (range.area)
		range_check(range);
}

static void op_read(void)
{
	struct range range = pick_range(ALL_KINDS, UNWRITABLE);
	int fd = one_in(2) ? self->scratch : self->direct;
	ssize_t size = range.nr * PAGE;

	if (!range.area)
		return;
	range_check(range);
	range_prepare(range);
	MUST(pwrite(fd, self->buffer, size, 0) == size);
	MUST(pread(fd, range_base(range), size, 0) == size);
	range_check(range);
}

static void op_read_pipe(void)
{
	struct range range = pick_range(ALL_KINDS, UNWRITABLE);

	if (!range.area)
		return;
	range_prepare(range);
	for (unsigned i = 0; i < range.nr; i++) {
		MUST(write(self->pipe[1], self->buffer + i * PAGE, PAGE) ==
		     PAGE);
		MUST(read(self->pipe[0], range_base(range) + i * PAGE, PAGE) ==
		     PAGE);
	}
	range_check(range);
}

/* As a debugger or another process writes. */
static void op_write_from_outside(void)
{
	struct range range = pick_range(ALL_KINDS, UNWRITABLE);
	ssize_t size = range.nr * PAGE;
	struct iovec local = { self->buffer, size }, remote = local;

	if (!range.area)
		return;
	range_prepare(range);
	remote.iov_base = range_base(range);
	if (one_in(2))
		MUST(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) ==
		     size);
	else
		MUST(pwrite(self->memory, self->buffer, size,
			    (uintptr_t)remote.iov_base) == size);
	range_check(range);
}

static void op_refused_read(void)
{
	struct range range = pick_range(ALL_KINDS, 0);

	if (!range.area ||
	    !(range.area->flags[range.first] & (READONLY | NO_ACCESS)))
		return;
	MUST(pread(original, range_base(range), PAGE, 0) == -1 &&
	     errno == EFAULT);
	page_check(range.area, range.first);
}

/* The kernel as a reader. */
static void op_output(void)
{
	struct range range = pick_range(ALL_KINDS, GONE | NO_ACCESS | FREED);
	int fd = one_in(2) ? self->scratch : self->direct;
	ssize_t size = range.nr * PAGE;

	if (!range.area)
		return;
	MUST(pwrite(fd, range_base(range), size, 0) == size);
	MUST(pread(fd, self->buffer, size, 0) == size);
	for (unsigned i = 0; i < range.nr; i++)
		if (page_compare(self->buffer + i * PAGE,
				 *content_of(range.area, range.first + i)) >= 0)
			violation("read by the kernel from page", i, size, fd);
}

/* Pages of a segment's file, seen by a view or not. */
struct file_range {
	struct segment *segment;
	unsigned first, nr;
};

static struct file_range pick_file_range(void)
{
	unsigned from = below(MAX_SEGMENTS), first = below(MAX_PAGES);
	unsigned nr = 1 + below(MAX_PAGES - first);

	for (unsigned i = 0; i < MAX_SEGMENTS; i++) {
		struct segment *segment =
			&self->segments[(from + i) % MAX_SEGMENTS];

		if (segment->kind & FILE_KINDS)
			return (struct file_range){ segment, first, nr };
	}
	return (struct file_range){};
}

static void file_range_zero(struct file_range range)
{
	for (unsigned i = 0; i < range.nr; i++)
		range.segment->content[range.first + i] = (struct content){};
}

static void segment_check(struct segment *segment)
{
	for (unsigned i = 0; i < MAX_AREAS; i++)
		if (self->areas[i].kind && self->areas[i].segment == segment)
			area_check(&self->areas[i]);
}

static void op_file_write(void)
{
	struct file_range range = pick_file_range();
	ssize_t size = range.nr * PAGE;

	if (!range.segment)
		return;
	for (unsigned i = 0; i < range.nr; i++) {
		struct content content = new_content();

		page_fill(self->buffer + i * PAGE, content);
		range.segment->content[range.first + i] = content;
	}
	MUST(pwrite(range.segment->fd, self->buffer, size,
		    range.first * PAGE) == size);
	segment_check(range.segment);
}

static void op_file_read(void)
{
	struct file_range range = pick_file_range();
	ssize_t size = range.nr * PAGE;

	if (!range.segment)
		return;
	MUST(pread(range.segment->fd, self->buffer, size, range.first * PAGE) ==
	     size);
	for (unsigned i = 0; i < range.nr; i++)
		if (page_compare(self->buffer + i * PAGE,
				 range.segment->content[range.first + i]) >= 0)
			violation("read from the file, page", range.first + i,
				  range.segment->kind, 0);
}

static void op_file_punch(void)
{
	struct file_range range = pick_file_range();

	if (!range.segment)
		return;
	MUST(fallocate(range.segment->fd,
		       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       range.first * PAGE, range.nr * PAGE) == 0);
	file_range_zero(range);
	segment_check(range.segment);
}

static void op_file_truncate(void)
{
	struct file_range range = pick_file_range();

	if (!range.segment)
		return;
	MUST(ftruncate(range.segment->fd, range.first * PAGE) == 0);
	MUST(ftruncate(range.segment->fd, MAX_PAGES * PAGE) == 0);
	range.nr = MAX_PAGES - range.first;
	file_range_zero(range);
	segment_check(range.segment);
}

/* Mapped, written and unmapped, between two rounds or not. */
static void op_visit(void)
{
	struct file_range range = pick_file_range();
	char *view;

	if (!range.segment)
		return;
	view = segment_map(range.segment, range.first, range.nr, NULL);
	for (unsigned i = 0; i < range.nr; i++) {
		struct content content = new_content();

		page_fill(view + i * PAGE, content);
		range.segment->content[range.first + i] = content;
	}
	MUST(munmap(view, range.nr * PAGE) == 0);
	segment_check(range.segment);
}

#endif
