/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings: made, taken away, and parts of them picked at random. */
#ifndef SOAK_AREAS_H
#define SOAK_AREAS_H

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "model.h"

struct range {
	struct area *area;	/* NULL: nothing fits */
	unsigned first, nr;
};

static char *range_base(struct range range)
{
	return page_at(range.area, range.first);
}

/* Address space that no other thread's mapping gets. */
static char *reserve(unsigned pages)
{
	char *base = mmap(NULL, pages * PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	MUST(base != MAP_FAILED);
	return base;
}

static void segment_open(struct segment *segment, enum kind kind)
{
	static atomic_uint nr_files;

	*segment = (struct segment){ .kind = kind, .fd = -1, .shmid = -1 };
	if (kind == MEMFD) {
		segment->fd = memfd_create("soak", MFD_CLOEXEC);
	} else if (kind & FILE_KINDS) {
		snprintf(segment->path, sizeof(segment->path), "%s/soak-%d-%u",
			 directory, getpid(), nr_files++);
		segment->fd = open(segment->path, O_RDWR | O_CREAT | O_CLOEXEC,
				   0600);
		if (kind == DELETED_FILE)
			MUST(unlink(segment->path) == 0);
	} else if (kind == SYSV) {
		segment->shmid = shmget(IPC_PRIVATE, MAX_PAGES * PAGE, 0600);
		MUST(segment->shmid >= 0);
	}
	if (kind & FILE_KINDS) {
		MUST(segment->fd >= 0);
		MUST(ftruncate(segment->fd, MAX_PAGES * PAGE) == 0);
	}
}

static void segment_close(struct segment *segment)
{
	if (segment->fd >= 0)
		close(segment->fd);
	if (segment->kind == SHARED_FILE)
		MUST(unlink(segment->path) == 0);
	segment->kind = 0;
}

/* A view of a segment: of all of it where the kind knows no other way. */
static char *segment_map(struct segment *segment, unsigned first, unsigned nr,
			 char *at)
{
	int flags = MAP_SHARED | (at ? MAP_FIXED : 0);
	char *base;

	if (segment->kind == SYSV)
		base = shmat(segment->shmid, at, at ? SHM_REMAP : 0);
	else if (segment->kind == SHARED_ANON)
		base = mmap(at, nr * PAGE, PROT_READ | PROT_WRITE,
			    flags | MAP_ANONYMOUS, -1, 0);
	else
		base = mmap(at, nr * PAGE, PROT_READ | PROT_WRITE, flags,
			    segment->fd, first * PAGE);
	MUST(base != MAP_FAILED && base != (char *)-1);
	return base;
}

static char *private_map(enum kind kind, unsigned first, unsigned nr, char *at)
{
	bool is_file = kind == FILE_PRIVATE;
	int flags = MAP_PRIVATE | (at ? MAP_FIXED : 0);
	char *base = mmap(at, nr * PAGE, PROT_READ | PROT_WRITE,
			  is_file ? flags : flags | MAP_ANONYMOUS,
			  is_file ? original : -1, is_file ? first * PAGE : 0);

	MUST(base != MAP_FAILED);
	return base;
}

static struct area *area_slot(void)
{
	for (unsigned i = 0; i < MAX_AREAS; i++)
		if (!self->areas[i].kind)
			return &self->areas[i];
	return NULL;
}

static void area_create_private(struct area *area, enum kind kind, unsigned nr)
{
	area->kind = kind;
	area->nr_pages = nr;
	area->segment = NULL;
	area->first = kind == FILE_PRIVATE ? below(MAX_PAGES - nr + 1) : 0;
	area->base = private_map(kind, area->first, nr, NULL);
	note_event(area->base, nr);
	for (unsigned page = 0; page < nr; page++)
		area->content[page] = untouched(area, page);
	memset(area->flags, 0, sizeof(area->flags));
}

static void area_create_view(struct area *area, struct segment *segment,
			     unsigned nr)
{
	bool is_whole = segment->kind & (SYSV | SHARED_ANON);

	area->kind = segment->kind;
	area->nr_pages = is_whole ? MAX_PAGES : nr;
	area->segment = segment;
	area->first = is_whole ? 0 : below(MAX_PAGES - nr + 1);
	area->base = segment_map(segment, area->first, area->nr_pages, NULL);
	/* Its name is gone, the memory stays until the last view goes. */
	if (segment->kind == SYSV && segment->nr_views == 0)
		MUST(shmctl(segment->shmid, IPC_RMID, NULL) == 0);
	segment->nr_views++;
	note_event(area->base, area->nr_pages);
	memset(area->flags, 0, sizeof(area->flags));
}

static void area_create(struct area *area, enum kind kind, unsigned nr)
{
	if (kind & PRIVATE_KINDS) {
		area_create_private(area, kind, nr);
		return;
	}
	/* A second view of what is there already, or new memory. */
	for (unsigned i = 0; i < MAX_SEGMENTS; i++)
		if (self->segments[i].kind == kind && kind != SHARED_ANON &&
		    self->segments[i].nr_views < 3) {
			area_create_view(area, &self->segments[i], nr);
			return;
		}
	for (unsigned i = 0; i < MAX_SEGMENTS; i++)
		if (!self->segments[i].kind) {
			segment_open(&self->segments[i], kind);
			area_create_view(area, &self->segments[i], nr);
			return;
		}
}

static void area_destroy(struct area *area)
{
	area_check(area);
	/* Gaps may be another thread's by now. */
	for (unsigned page = 0; page < area->nr_pages; page++)
		if (!(area->flags[page] & GONE))
			MUST(munmap(page_at(area, page), PAGE) == 0);
	area->kind = 0;
	if (area->segment && --area->segment->nr_views == 0)
		segment_close(area->segment);
}

static struct area *pick_area(unsigned kinds)
{
	unsigned from = below(MAX_AREAS + 1);

	for (unsigned i = 0; i <= MAX_AREAS; i++) {
		unsigned slot = (from + i) % (MAX_AREAS + 1);
		struct area *area = slot == MAX_AREAS ? &self->heap :
							&self->areas[slot];

		if ((area->kind & kinds) && area->nr_pages)
			return area;
	}
	return NULL;
}

/* Pages in a row without any of the flags. */
static struct range pick_range(unsigned kinds, unsigned without)
{
	struct area *area = pick_area(kinds);
	struct range range = { .area = area };
	unsigned wanted;

	if (!area)
		return range;
	range.first = below(area->nr_pages);
	wanted = one_in(8) ? MAX_PAGES : 1 + below(24);
	while (range.nr < wanted && range.first + range.nr < area->nr_pages &&
	       !(area->flags[range.first + range.nr] & without))
		range.nr++;
	if (range.nr == 0)
		range.area = NULL;
	note_event(page_at(area, range.first), range.nr);
	return range;
}

static bool range_has(struct range range, unsigned flags)
{
	for (unsigned i = 0; i < range.nr; i++)
		if (range.area->flags[range.first + i] & flags)
			return true;
	return false;
}

static void range_flag(struct range range, unsigned clear, unsigned set)
{
	for (unsigned i = 0; i < range.nr; i++) {
		uint8_t *flags = &range.area->flags[range.first + i];

		*flags = (*flags & ~clear) | set;
	}
}

/* Its private pages are again what they were before anything was written. */
static void range_forget(struct range range)
{
	for (unsigned i = range.first; i < range.first + range.nr; i++) {
		*content_of(range.area, i) = untouched(range.area, i);
		range.area->flags[i] &= ~FREED;
	}
}

static void range_write(struct range range)
{
	for (unsigned i = 0; i < range.nr; i++)
		page_write(range.area, range.first + i);
}

static void range_check(struct range range)
{
	for (unsigned i = 0; i < range.nr; i++)
		page_check(range.area, range.first + i);
}

static int range_advise(struct range range, int advice)
{
	return madvise(range_base(range), range.nr * PAGE, advice);
}

/* Every page locked, protected or advised like every other one. */
static void range_normalise(struct range range)
{
	size_t size = range.nr * PAGE;

	MUST(mprotect(range_base(range), size, PROT_READ | PROT_WRITE) == 0);
	if (range_has(range, LOCKED))
		MUST(munlock(range_base(range), size) == 0);
	if (range_has(range, WIPED))
		MUST(range_advise(range, MADV_KEEPONFORK) == 0);
	if (range_has(range, NOT_INHERITED))
		MUST(range_advise(range, MADV_DOFORK) == 0);
	range_flag(range, UNWRITABLE | WIPED | NOT_INHERITED | LOCKED, 0);
}

#endif
