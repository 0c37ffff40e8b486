/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family of processes that do what they are told, one line a command, each
 * answered by one line:
 *
 *   WHO fork NEW             WHO forks a child that is called NEW; answers its pid
 *   WHO write FIRST NR       writes pages, each with a content of its own
 *   WHO forget FIRST NR      MADV_DONTNEED
 *   WHO unmap FIRST NR       munmap
 *   WHO move FIRST NR        mremap, to another place
 *   WHO split FIRST NR       advice that makes it a mapping of its own
 *   WHO share FIRST NR       maps a part of a segment that all of them have
 *   WHO put FIRST NR VALUE   writes pages of the segment, in the part that WHO maps
 *   WHO where                answers where in the address space each page is, 0: nowhere
 *   WHO device               maps memory of a device, which nobody can track
 *   WHO check                answers `ok`, or what is wrong
 *   WHO exit                 answers `bye`
 *
 * Names are numbers below 32; process 0 is there from the beginning. The first
 * line after `ready` is its pid. Each process knows what its memory has to contain:
 * that knowledge is memory, too, and goes on to its children.
 */
#define _GNU_SOURCE
#include "promise.h"

#define NR_NAMES 32
#define NR_PAGES 64
#define LINE_LENGTH 1000
#define FILE_PAGES 16		/* the last ones are a private mapping of a file */

static int commands[NR_NAMES][2], answers[NR_NAMES][2];
static int segment;
static char *part;		/* of the segment, from its page part_first on */
static size_t part_first;
static char *places[NR_PAGES];	/* where each page is; NULL: unmapped */
static uint64_t expected[NR_PAGES];	/* 0: zeros; of the file: as it is */
static uint64_t last_value;

static int is_file(size_t page)
{
	return page >= NR_PAGES - FILE_PAGES;
}

static void answer(int who, const char *text)
{
	CHECK(write(answers[who][1], text, strlen(text)) ==
	      (ssize_t)strlen(text));
	CHECK(write(answers[who][1], "\n", 1) == 1);
}

static void set_up(void)
{
	char path[] = "/tmp/heirs-XXXXXX";
	int fd = mkstemp(path);
	char *content = map_private(FILE_PAGES);
	char *area;

	CHECK(fd >= 0);
	fill(content, 0, FILE_PAGES, 0);
	CHECK(write(fd, content, FILE_PAGES * PAGE) == FILE_PAGES * PAGE);
	unmap(content, 0, FILE_PAGES);
	area = map_private(NR_PAGES);
	CHECK(mmap(area + (NR_PAGES - FILE_PAGES) * PAGE, FILE_PAGES * PAGE,
		   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) !=
	      MAP_FAILED);
	for (size_t page = 0; page < NR_PAGES; page++)
		places[page] = area + page * PAGE;
	unlink(path);
	close(fd);
	segment = memfd_create("heirs", 0);
	CHECK(segment >= 0 && ftruncate(segment, 4 * NR_PAGES * PAGE) == 0);
}

static void share_part(int who, size_t first, size_t nr)
{
	part_first = first;
	part = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    segment, first * PAGE);
	CHECK(part != MAP_FAILED);
	answer(who, "ok");
}

static void put_pages(int who, size_t first, size_t nr, size_t value)
{
	fill(part, first - part_first, nr, value);
	answer(who, "ok");
}

static int page_is_right(size_t page)
{
	const char *base = places[page] - page * PAGE;

	if (!places[page])
		return 1;
	if (expected[page])
		return holds(base, page, 1, expected[page]);
	if (is_file(page))
		return holds(base + (NR_PAGES - FILE_PAGES) * PAGE,
			     page - (NR_PAGES - FILE_PAGES), 1, 0);
	return is_zero(base, page, 1);
}

static void check(int who)
{
	char text[80];

	for (size_t page = 0; page < NR_PAGES; page++) {
		if (page_is_right(page))
			continue;
		snprintf(text, sizeof(text), "page %zu: %llx, not value %llu",
			 page, *(unsigned long long *)places[page],
			 (unsigned long long)expected[page]);
		answer(who, text);
		return;
	}
	answer(who, "ok");
}

static void map_device(int who)
{
	int fd = open("/dev/mem", O_RDWR);

	CHECK(fd >= 0 && mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, 0xb8000) != MAP_FAILED);
	close(fd);
	answer(who, "ok");
}

static void say_where(int who)
{
	char text[LINE_LENGTH];
	int length = 0;

	for (size_t page = 0; page < NR_PAGES; page++)
		length += snprintf(text + length, sizeof(text) - length, "%lx ",
				   (unsigned long)places[page] / PAGE);
	answer(who, text);
}

static void write_pages(int who, size_t first, size_t nr)
{
	for (size_t page = first; page < first + nr; page++) {
		expected[page] = ++last_value * NR_NAMES + who;
		fill(places[page] - page * PAGE, page, 1, expected[page]);
	}
	answer(who, "ok");
}

static void forget_pages(int who, size_t first, size_t nr)
{
	CHECK(madvise(places[first], nr * PAGE, MADV_DONTNEED) == 0);
	for (size_t page = first; page < first + nr; page++)
		expected[page] = 0;
	answer(who, "ok");
}

static void unmap_pages(int who, size_t first, size_t nr)
{
	unmap(places[first], 0, nr);
	for (size_t page = first; page < first + nr; page++)
		places[page] = NULL;
	answer(who, "ok");
}

static void move_pages(int who, size_t first, size_t nr)
{
	char *to = map_private(nr);

	CHECK(mremap(places[first], nr * PAGE, nr * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	for (size_t i = 0; i < nr; i++)
		places[first + i] = to + i * PAGE;
	answer(who, "ok");
}

static void split_pages(int who, size_t first, size_t nr)
{
	CHECK(madvise(places[first], nr * PAGE, MADV_SEQUENTIAL) == 0);
	answer(who, "ok");
}

static void read_line(int fd, char *line, size_t size)
{
	size_t length = 0;

	while (length < size - 1) {
		if (read(fd, line + length, 1) != 1)
			_exit(0);
		if (line[length] == '\n')
			break;
		length++;
	}
	line[length] = 0;
}

/* Return: the name, which is another one's in a child. */
static int fork_child_of(int who, int name)
{
	char text[20];
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		return name;
	snprintf(text, sizeof(text), "%d", pid);
	answer(who, text);
	return who;
}

static void live(int who)
{
	unsigned long first, nr, value;
	char line[100];
	int name;

	for (;;) {
		read_line(commands[who][0], line, sizeof(line));
		if (sscanf(line, "fork %d", &name) == 1)
			who = fork_child_of(who, name);
		else if (sscanf(line, "write %lu %lu", &first, &nr) == 2)
			write_pages(who, first, nr);
		else if (sscanf(line, "forget %lu %lu", &first, &nr) == 2)
			forget_pages(who, first, nr);
		else if (sscanf(line, "unmap %lu %lu", &first, &nr) == 2)
			unmap_pages(who, first, nr);
		else if (sscanf(line, "move %lu %lu", &first, &nr) == 2)
			move_pages(who, first, nr);
		else if (sscanf(line, "split %lu %lu", &first, &nr) == 2)
			split_pages(who, first, nr);
		else if (sscanf(line, "share %lu %lu", &first, &nr) == 2)
			share_part(who, first, nr);
		else if (sscanf(line, "put %lu %lu %lu", &first, &nr, &value) == 3)
			put_pages(who, first, nr, value);
		else if (!strcmp(line, "device"))
			map_device(who);
		else if (!strcmp(line, "where"))
			say_where(who);
		else if (!strcmp(line, "check"))
			check(who);
		else
			break;
	}
	answer(who, "bye");
	_exit(0);
}

/* Passes lines on, and answers back. Is no part of the family. */
static void supervise(void)
{
	char line[100], text[LINE_LENGTH], *rest;

	while (fgets(line, sizeof(line), stdin)) {
		int who = strtol(line, &rest, 10);

		CHECK(who >= 0 && who < NR_NAMES && *rest == ' ');
		rest++;
		CHECK(write(commands[who][1], rest, strlen(rest)) ==
		      (ssize_t)strlen(rest));
		read_line(answers[who][0], text, sizeof(text));
		puts(text);
	}
}

int main(void)
{
	pid_t pid;

	setlinebuf(stdout);
	/* Nobody waits for the family. */
	signal(SIGCHLD, SIG_IGN);
	for (int who = 0; who < NR_NAMES; who++)
		CHECK(pipe(commands[who]) == 0 && pipe(answers[who]) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (int who = 0; who < NR_NAMES; who++)
			close(commands[who][1]);
		set_up();
		live(0);
	}
	puts("ready");
	printf("%d\n", pid);
	supervise();
	return 0;
}
