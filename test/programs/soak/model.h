/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every page must contain. A thread, its mappings and their model belong
 * together: no thread writes another one's pages, so that what a thread does and
 * expects depends on the seed alone, however the threads are scheduled.
 */
#ifndef SOAK_MODEL_H
#define SOAK_MODEL_H

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "random.h"

#define PAGE 4096UL
#define PAGE_WORDS (PAGE / 8)
#define MAX_PAGES 160
#define MAX_AREAS 16
#define MAX_SEGMENTS 5
#define MAX_CHILDREN 4
#define MAX_WORKERS 8
#define MAX_EVENTS 256

enum kind {
	ANON = 1 << 0,
	FILE_PRIVATE = 1 << 1,
	MEMFD = 1 << 2,
	SHARED_ANON = 1 << 3,
	SYSV = 1 << 4,
	SHARED_FILE = 1 << 5,
	DELETED_FILE = 1 << 6,
	HEAP = 1 << 7,
};

#define PRIVATE_KINDS (ANON | FILE_PRIVATE | HEAP)
#define FILE_KINDS (MEMFD | SHARED_FILE | DELETED_FILE)
#define SHARED_KINDS (FILE_KINDS | SHARED_ANON | SYSV)
#define ALL_KINDS (PRIVATE_KINDS | SHARED_KINDS)

enum page_flag {
	READONLY = 1 << 0,
	NO_ACCESS = 1 << 1,
	GONE = 1 << 2,		/* unmapped */
	FREED = 1 << 3,		/* MADV_FREE: zeros are right, too */
	WIPED = 1 << 4,		/* zeros in a child */
	NOT_INHERITED = 1 << 5,	/* not mapped in a child */
	LOCKED = 1 << 6,
};

#define UNWRITABLE (READONLY | NO_ACCESS | GONE)

/*
 * Word k of a page is stamp + k, the last one that and touches more; a stamp of
 * 0 stands for zeros. No two writes of a run have the same stamp.
 */
struct content {
	uint64_t stamp;
	uint64_t touches;
};

/* Shared memory, which areas are views of. */
struct segment {
	enum kind kind;		/* 0: not in use */
	int fd;			/* -1: has none */
	int shmid;
	unsigned nr_views;
	char path[64];
	struct content content[MAX_PAGES];
};

/* A mapping. */
struct area {
	enum kind kind;		/* 0: not in use */
	unsigned nr_pages;
	char *base;
	struct segment *segment; /* NULL: private, content is its own */
	unsigned first;		/* page of the segment or of the private file */
	uint8_t flags[MAX_PAGES];
	struct content content[MAX_PAGES];
};

struct child {
	pid_t pid;		/* 0: not in use */
	int release;		/* a byte written here lets it check and exit */
};

/* What an operation was done to, kept for the report of a violation. */
struct event {
	uint64_t operation;
	const char *name, *base;
	unsigned nr_pages;
};

struct worker {
	unsigned index;
	bool is_child;
	uint64_t random;
	uint64_t nr_stamps;
	const char *operation;
	_Atomic uint64_t nr_ops;
	uint64_t nr_checked;
	uint64_t digest;
	struct area areas[MAX_AREAS];
	struct segment segments[MAX_SEGMENTS];
	struct child children[MAX_CHILDREN];
	struct area heap;
	int scratch, direct, memory, pipe[2];
	char *buffer;		/* MAX_PAGES, aligned */
	char *alternate;	/* stack for signals */
	volatile uint64_t signalled;
	struct handshake *handshakes[3];
	uint64_t nr_handshakes[3], nr_locked[2];
	uint64_t commons[MAX_PAGES];
	struct event events[MAX_EVENTS];
	unsigned nr_events;
};

static uint64_t seed;
static const char *directory = "/tmp";
static int original;		/* the file that private mappings show */
static __thread struct worker *self;

/* Ends the run: something is not as it must be. */
static _Noreturn void violation(const char *what, uint64_t a, uint64_t b,
				uint64_t c)
{
	char text[512];
	int length = snprintf(
		text, sizeof(text),
		"soak: VIOLATION: seed %llu, thread %u, operation %llu (%s)%s: "
		"%s (%#llx, %#llx, %#llx), errno %d\n",
		(unsigned long long)seed, self ? self->index : 99,
		self ? (unsigned long long)self->nr_ops : 0,
		self ? self->operation : "-",
		self && self->is_child ? ", in a child" : "", what,
		(unsigned long long)a, (unsigned long long)b,
		(unsigned long long)c, errno);

	if (write(STDERR_FILENO, text, length) != length)
		_exit(3);
	_exit(1);
}

#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition))                                              \
			violation(#condition, __LINE__, 0, 0);                 \
	} while (0)

static unsigned below(unsigned n)
{
	return random_below(&self->random, n);
}

static bool one_in(unsigned n)
{
	return below(n) == 0;
}

static struct content new_content(void)
{
	uint64_t salt = seed + ((uint64_t)self->index << 56);

	return (struct content){
		.stamp = random_mix(salt ^ ++self->nr_stamps) | 1,
	};
}

/* What the private file has at a page. */
static struct content file_content(unsigned page)
{
	return (struct content){ .stamp = random_mix(~seed - page) | 1 };
}

static void page_fill(void *memory, struct content content)
{
	volatile uint64_t *words = memory;

	for (uint64_t k = 0; k < PAGE_WORDS; k++)
		words[k] = content.stamp ? content.stamp + k : 0;
	if (content.touches)
		words[PAGE_WORDS - 1] += content.touches;
}

/* Return: the first word that is not what it must be, -1 for none. */
static int page_compare(const void *memory, struct content content)
{
	const volatile uint64_t *words = memory;

	for (uint64_t k = 0; k < PAGE_WORDS; k++) {
		uint64_t expected = content.stamp ? content.stamp + k : 0;

		if (k == PAGE_WORDS - 1)
			expected += content.touches;
		if (words[k] != expected)
			return k;
	}
	return -1;
}

static char *page_at(const struct area *area, unsigned page)
{
	return area->base + page * PAGE;
}

static struct content *content_of(struct area *area, unsigned page)
{
	if (area->segment)
		return &area->segment->content[area->first + page];
	return &area->content[page];
}

/* What is there before anything is written. */
static struct content untouched(const struct area *area, unsigned page)
{
	if (area->kind == FILE_PRIVATE)
		return file_content(area->first + page);
	return (struct content){};
}

static void note_event(const char *base, unsigned nr_pages)
{
	self->events[self->nr_events++ % MAX_EVENTS] = (struct event){
		self->nr_ops, self->operation, base, nr_pages
	};
}

/* What was done to a page of late. */
static void print_events(const char *page)
{
	for (unsigned i = 0; i < MAX_EVENTS; i++) {
		struct event *event =
			&self->events[(self->nr_events + i) % MAX_EVENTS];

		if (event->base <= page &&
		    page < event->base + event->nr_pages * PAGE)
			fprintf(stderr, "soak:   operation %llu: %s: %p, %u\n",
				(unsigned long long)event->operation,
				event->name, event->base, event->nr_pages);
	}
}

static void page_check(struct area *area, unsigned page)
{
	struct content *content = content_of(area, page);
	int word;

	if (area->flags[page] & (GONE | NO_ACCESS))
		return;
	word = page_compare(page_at(area, page), *content);
	self->nr_checked++;
	if (word < 0)
		return;
	if ((area->flags[page] & FREED) &&
	    page_compare(page_at(area, page), (struct content){}) < 0) {
		*content = (struct content){};
		area->flags[page] &= ~FREED;
		return;
	}
	fprintf(stderr, "soak: kind %#x, page %u of %u at %p, flags %#x, word %d\n",
		area->kind, page, area->nr_pages, page_at(area, page),
		area->flags[page], word);
	print_events(page_at(area, page));
	violation("a page has / must have (stamp) at its word",
		  ((uint64_t *)page_at(area, page))[word], content->stamp,
		  word);
}

static void page_write(struct area *area, unsigned page)
{
	struct content *content = content_of(area, page);

	if (area->flags[page] & UNWRITABLE)
		return;
	page_check(area, page);
	if (one_in(3) && content->stamp && !(area->flags[page] & FREED)) {
		content->touches++;
		((volatile uint64_t *)page_at(area, page))[PAGE_WORDS - 1]++;
		return;
	}
	area->flags[page] &= ~FREED;
	*content = new_content();
	page_fill(page_at(area, page), *content);
}

static void area_check(struct area *area)
{
	for (unsigned page = 0; page < area->nr_pages; page++)
		page_check(area, page);
}

static void worker_check(struct worker *worker, unsigned kinds)
{
	for (unsigned i = 0; i < MAX_AREAS; i++)
		if (worker->areas[i].kind & kinds)
			area_check(&worker->areas[i]);
	if (worker->heap.kind & kinds)
		area_check(&worker->heap);
}

#endif
