/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of processes, up to very many, with few mappings of their own:
 *
 *   crowd MAX_PROCESSES FAN_OUT MAPPINGS PAGES SEGMENT_PAGES
 *
 * Process 0 has MAPPINGS private mappings of PAGES pages each, all filled, and a
 * segment of shared memory; its descendants get both by fork. It is told lines,
 * each answered by one:
 *
 *   fork NR          NR more processes: FAN_OUT children for each one, in order
 *   write NR PAGES   NR processes write so many pages each, going round their memory
 *   put PAGES        the last process writes pages of the segment, going round
 *   read             all processes read all of their memory
 *   check            the same, and compare it: `ok`, or what is wrong
 *   end NR           the last NR processes end
 *   leave WHO        process WHO ends, and has no pid more: neither the last one, nor
 *                    one with children, which would end with it
 *   pids             the pid of each process, by number
 *
 * Each process knows what its memory has to contain: that knowledge is memory, too,
 * and goes on to its children.
 */
#define _GNU_SOURCE
#include "promise.h"

#define MAX_PAGES 65536

struct command {
	char what;		/* first letter of the command */
	unsigned int nr;	/* pages, or the new process' number */
	unsigned int nr_put;	/* pages of the segment that were written so far */
};

struct answer {
	pid_t pid;
	char text[100];
};

static unsigned int max_processes, fan_out, nr_mappings, nr_pages, nr_total;
static unsigned int nr_segment_pages;
static int (*commands)[2];	/* of each process: a pipe */
static int answers[2];
static char *area, *segment;

static unsigned int who;	/* this process' number */
static unsigned int nr_written;
static uint32_t last_value;
static uint32_t expected[MAX_PAGES];

/* Only process 0 counts these. */
static unsigned int nr_processes = 1, nr_put;
static pid_t *pids;	/* 0: it has left */

/* Between two mappings one page is left out. */
static char *page_at(unsigned int page)
{
	return area + (page + page / nr_pages) * PAGE;
}

static void write_page(unsigned int page)
{
	expected[page] = ++last_value * max_processes + who;
	fill(page_at(page) - page * PAGE, page, 1, expected[page]);
}

static void write_pages(unsigned int nr)
{
	unsigned int first = (unsigned int)((uint64_t)who * nr_total /
					    max_processes);

	for (unsigned int i = 0; i < nr; i++)
		write_page((first + nr_written++) % nr_total);
}

/* Each write has a number, which is what the page has then. */
static void put_pages(unsigned int first, unsigned int nr)
{
	for (unsigned int i = first; i < first + nr; i++)
		fill(segment, i % nr_segment_pages, 1, i);
}

static void read_pages(void)
{
	for (unsigned int page = 0; page < nr_total; page++)
		(void)*(volatile char *)page_at(page);
	for (unsigned int page = 0; page < nr_segment_pages; page++)
		(void)*(volatile char *)(segment + page * PAGE);
}

/* The last write to a page is known from how many there were in all. */
static void check_segment(unsigned int nr, char *text, size_t size)
{
	for (unsigned int i = nr - nr_segment_pages; i < nr; i++)
		if (!holds(segment, i % nr_segment_pages, 1, i))
			snprintf(text, size, "process %u: not write %u in page %u of the segment",
				 who, i, i % nr_segment_pages);
}

static void check_pages(unsigned int nr, char *text, size_t size)
{
	check_segment(nr, text, size);
	for (unsigned int page = 0; page < nr_total; page++) {
		const char *address = page_at(page);

		if (holds(address - page * PAGE, page, 1, expected[page]))
			continue;
		snprintf(text, size, "process %u, page %u: %llx, not value %u",
			 who, page, *(const unsigned long long *)address,
			 expected[page]);
		return;
	}
}

static void set_up(void)
{
	area = map_private(nr_mappings * (nr_pages + 1));
	for (unsigned int i = 0; i < nr_mappings; i++)
		unmap(area, (i + 1) * (nr_pages + 1) - 1, 1);
	for (unsigned int page = 0; page < nr_total; page++)
		write_page(page);
	if (nr_segment_pages == 0)
		return;
	segment = map_with(nr_segment_pages, MAP_SHARED | MAP_ANONYMOUS, -1);
	put_pages(0, nr_segment_pages);
	nr_put = nr_segment_pages;
}

static void make_pipes(void)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	commands = calloc(max_processes, sizeof(*commands));
	pids = calloc(max_processes, sizeof(*pids));
	CHECK(commands && pids && pipe(answers) == 0);
	for (unsigned int i = 0; i < max_processes; i++)
		CHECK(pipe(commands[i]) == 0);
}

/* ---- the others --------------------------------------------------------- */

static void answer(const char *text)
{
	struct answer message = { .pid = getpid() };

	snprintf(message.text, sizeof(message.text), "%s", text);
	CHECK(write(answers[1], &message, sizeof(message)) == sizeof(message));
}

static void obey(struct command command);

static void live(void)
{
	struct command command;

	answer("ok");
	while (read(commands[who][0], &command, sizeof(command)) ==
	       sizeof(command))
		obey(command);
	_exit(1);
}

static void obey_fork(unsigned int new)
{
	if (fork_child() != 0)
		return;
	who = new;
	nr_written = 0;
	live();
}

static void obey(struct command command)
{
	char text[sizeof(((struct answer *)0)->text)] = "ok";

	switch (command.what) {
	case 'f':
		/* The child answers. */
		obey_fork(command.nr);
		return;
	case 'w':
		write_pages(command.nr);
		break;
	case 'p':
		put_pages(command.nr_put, command.nr);
		break;
	case 'r':
		read_pages();
		break;
	case 'c':
		check_pages(command.nr_put, text, sizeof(text));
		break;
	default:
		answer(text);
		_exit(0);
	}
	answer(text);
}

/* ---- process 0 ---------------------------------------------------------- */

static void tell(unsigned int process, char what, unsigned int nr)
{
	struct command command = { .what = what, .nr = nr, .nr_put = nr_put };

	if (process == 0)
		obey(command);
	else
		CHECK(write(commands[process][1], &command, sizeof(command)) ==
		      sizeof(command));
}

/* What is wrong takes the place of `result`. Return: who has answered. */
static pid_t await_answer(struct answer *result)
{
	struct answer message;

	CHECK(read(answers[0], &message, sizeof(message)) == sizeof(message));
	if (strcmp(message.text, "ok"))
		*result = message;
	return message.pid;
}

static void fork_processes(unsigned int nr, struct answer *result)
{
	for (; nr > 0; nr--) {
		CHECK(nr_processes < max_processes);
		tell((nr_processes - 1) / fan_out, 'f', nr_processes);
		pids[nr_processes] = await_answer(result);
		nr_processes++;
	}
}

/* Tells `nr` processes, spread evenly, all at once; but not those that have left. */
static void tell_some(unsigned int nr, char what, unsigned int pages,
		      struct answer *result)
{
	unsigned int nr_told = 0;

	CHECK(nr <= nr_processes);
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int process = (uint64_t)i * nr_processes / nr;

		if (!pids[process])
			continue;
		tell(process, what, pages);
		nr_told++;
	}
	while (nr_told-- > 0)
		await_answer(result);
}

static void end_processes(unsigned int nr, struct answer *result)
{
	CHECK(nr < nr_processes);
	for (; nr > 0; nr--) {
		tell(--nr_processes, 'e', 0);
		await_answer(result);
	}
}

static void leave(unsigned int process, struct answer *result)
{
	CHECK(process > 0 && process + 1 < nr_processes && pids[process]);
	CHECK(process * fan_out + 1 >= nr_processes);
	tell(process, 'e', 0);
	await_answer(result);
	pids[process] = 0;
}

static void say_pids(void)
{
	for (unsigned int i = 0; i < nr_processes; i++)
		printf("%d%c", pids[i], i + 1 < nr_processes ? ' ' : '\n');
}

static void command_all(const char *line)
{
	struct answer result = { .text = "ok" };
	unsigned int nr, pages;

	if (!strcmp(line, "pids\n")) {
		say_pids();
		return;
	}
	if (sscanf(line, "fork %u", &nr) == 1) {
		fork_processes(nr, &result);
	} else if (sscanf(line, "write %u %u", &nr, &pages) == 2) {
		tell_some(nr, 'w', pages, &result);
	} else if (sscanf(line, "put %u", &pages) == 1) {
		CHECK(nr_segment_pages > 0);
		tell(nr_processes - 1, 'p', pages);
		await_answer(&result);
		nr_put += pages;
	} else if (sscanf(line, "end %u", &nr) == 1) {
		end_processes(nr, &result);
	} else if (sscanf(line, "leave %u", &nr) == 1) {
		leave(nr, &result);
	} else {
		CHECK(!strcmp(line, "read\n") || !strcmp(line, "check\n"));
		tell_some(nr_processes, line[0], 0, &result);
	}
	puts(result.text);
}

int main(int argc, char **argv)
{
	char line[100];

	CHECK(argc == 6);
	max_processes = strtoul(argv[1], NULL, 10);
	fan_out = strtoul(argv[2], NULL, 10);
	nr_mappings = strtoul(argv[3], NULL, 10);
	nr_pages = strtoul(argv[4], NULL, 10);
	nr_segment_pages = strtoul(argv[5], NULL, 10);
	nr_total = nr_mappings * nr_pages;
	CHECK(fan_out > 0 && nr_total <= MAX_PAGES);
	setlinebuf(stdout);
	/* Nobody waits for the others. */
	signal(SIGCHLD, SIG_IGN);
	make_pipes();
	pids[0] = getpid();
	set_up();
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		command_all(line);
	return 0;
}
