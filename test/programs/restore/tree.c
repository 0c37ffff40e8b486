// SPDX-License-Identifier: Apache-2.0
/*
 * A tree: a root with two children, each with one of its own, and zombies. What they share by fork, and
 * what each has written since; pipes from one to another, open files and shared memory that several have;
 * groups, a session. Argument: a directory for a file.
 *
 * Told an empty line, all of them check their part, one after the other, and change it so that the next
 * time is told from this one; the answer is `right`, or who is not there any more (what is wrong is on
 * standard error). `where` says who and where they are, for a look from outside; `end` ends all of them,
 * each by its parent.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

#define NR_COMMON 64
#define NR_PAGES 8
#define PIPE_BYTES (1 << 17)
#define NR_LETTERS 26

enum { ROOT, A, A1, B, B1, NR_MEMBERS };
static const char *const names[NR_MEMBERS] = { "root", "a", "a1", "b", "b1" };
static const int parents[NR_MEMBERS] = { -1, ROOT, A, ROOT, B };

/* What all of them map shared. */
struct board {
	pid_t pids[NR_MEMBERS];
	pid_t zombies[3]; /* two of the root, one of a */
	int asked; /* by the root, before it asks the others */
	int next_letter; /* of the file whose offset they share */
};

static struct board *board;
static int self;
static pid_t group, session;
/* The root writes to questions and reads answers; each member has the other ends of its own. */
static int questions[NR_MEMBERS][2], answers[NR_MEMBERS][2];
static int from_a_to_b[2];
static int letters, counter;
static int nr_asked;

static char *common; /* nobody has written it since the first fork */
static char *stamped; /* each one has written its page */
static char *late; /* the root has changed it between its forks */
static char *siblings; /* the root has changed it behind them: its children share what it was */
static char *movable; /* a has moved it */
static char *droppable; /* a1 has dropped it; b has unmapped a page of it */
static char *zeros; /* read, never written */

static char *map_pages(int nr_pages, char base)
{
	char *memory = mmap(NULL, nr_pages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	for (int i = 0; base && i < nr_pages; i++)
		memset(memory + i * PAGE, base + i, PAGE);
	return memory;
}

static void check_pages(const char *memory, int nr_pages, char base)
{
	for (int i = 0; i < nr_pages; i++) {
		const char expected = base ? (char)(base + i) : 0;

		CHECK(memory[i * PAGE] == expected);
		CHECK(memory[i * PAGE + PAGE - 1] == expected);
	}
}

static void close_pair(int *ends)
{
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			CHECK(close(ends[i]) == 0);
	ends[0] = ends[1] = -1;
}

static void close_end(int *end)
{
	CHECK(close(*end) == 0);
	*end = -1;
}

static int number_in_pipe(void)
{
	int number = -1;

	CHECK(read(from_a_to_b[0], &number, sizeof(number)) == sizeof(number));
	return number;
}

static void number_to_pipe(int number)
{
	CHECK(write(from_a_to_b[1], &number, sizeof(number)) == sizeof(number));
}

static void check_memory(void)
{
	check_pages(common, NR_COMMON, 1);
	check_pages(zeros, NR_PAGES, 0);
	check_pages(late, NR_PAGES, self == A || self == A1 ? 'o' : 'n');
	check_pages(siblings, NR_PAGES, self == ROOT ? 'R' : 's');
	check_pages(movable, NR_PAGES, 'm');
	for (int i = 0; i < NR_PAGES; i++) {
		unsigned char residency;

		if (self == A1)
			CHECK(droppable[i * PAGE] == 0);
		else if ((self == B || self == B1) && i == 1)
			CHECK(mincore(droppable + i * PAGE, PAGE, &residency) < 0 &&
			      errno == ENOMEM);
		else
			CHECK(droppable[i * PAGE] == 'd' + i);
	}
	/* Others' pages are what they were when this one was forked. */
	for (int i = 0; i < NR_MEMBERS; i++) {
		const int is_known = i == self || i == parents[self];
		const char *stamp = stamped + i * PAGE;

		if (i == self)
			CHECK(stamp[0] == i + 1 && stamp[1] == nr_asked);
		else if (is_known)
			CHECK(stamp[0] == i + 1 && stamp[1] == 0);
	}
}

static void check_identity(void)
{
	CHECK(getpid() == board->pids[self]);
	if (self == ROOT)
		return;
	CHECK(getppid() == board->pids[parents[self]]);
	CHECK(getpgid(0) == group && getsid(0) == session);
	if (self == A || self == A1)
		CHECK(group == board->pids[A]);
	if (self == B || self == B1)
		CHECK(session == board->pids[B]);
}

static void check_files(void)
{
	char letter;

	CHECK(read(letters, &letter, 1) == 1);
	CHECK(letter == 'a' + board->next_letter);
	if (++board->next_letter == NR_LETTERS) {
		CHECK(lseek(letters, 0, SEEK_SET) == 0);
		board->next_letter = 0;
	}
	if (self == ROOT || self == A) {
		eventfd_t value;

		CHECK(eventfd_read(counter, &value) == 0 && value == 5);
		CHECK(eventfd_write(counter, 5) == 0);
	}
	if (self == ROOT)
		CHECK(fcntl(questions[A][1], F_GETPIPE_SZ) == PIPE_BYTES);
	if (self == A)
		number_to_pipe(nr_asked + 1);
	if (self == B)
		CHECK(number_in_pipe() == nr_asked);
}

static void check_zombie(pid_t pid, int code, int status)
{
	siginfo_t info = {};

	CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0);
	CHECK(info.si_pid == pid && info.si_code == code && info.si_status == status);
}

static void check_zombies(void)
{
	if (self == ROOT) {
		check_zombie(board->zombies[0], CLD_EXITED, 42);
		check_zombie(board->zombies[1], CLD_KILLED, SIGKILL);
	} else if (self == A) {
		check_zombie(board->zombies[2], CLD_EXITED, 7);
	}
}

static void check_all(void)
{
	CHECK(board->asked == nr_asked + 1);
	check_identity();
	check_memory();
	check_files();
	check_zombies();
	nr_asked++;
	stamped[self * PAGE + 1] = nr_asked;
}

static pid_t make_zombie(int is_leader, int code)
{
	const pid_t pid = fork();
	siginfo_t info;

	CHECK(pid >= 0);
	if (pid == 0) {
		if (is_leader)
			CHECK(setpgid(0, 0) == 0);
		if (code < 0)
			raise(SIGKILL);
		_exit(code);
	}
	CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
	return pid;
}

static void reap(pid_t pid, int code)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

static void run_member(void);

static void become(int member)
{
	self = member;
	nr_asked = 0;
	board->pids[self] = getpid();
	stamped[self * PAGE] = self + 1;
	group = getpgid(0);
	session = getsid(0);
}

static void fork_member(int member)
{
	const pid_t pid = fork();
	char answer;

	CHECK(pid >= 0);
	if (pid == 0) {
		self = member;
		run_member();
		_exit(0);
	}
	/* It is told when the new one, and what is below it, is all set. */
	CHECK(read(answers[member][0], &answer, 1) == 1 && answer == 'r');
}

/* Its children have what they need by then. */
static void keep_own_ends(void)
{
	for (int i = ROOT + 1; i < NR_MEMBERS; i++) {
		if (i == self) {
			close_end(&questions[i][1]);
			close_end(&answers[i][0]);
		} else {
			close_pair(questions[i]);
			close_pair(answers[i]);
		}
	}
}

static void set_up_member(void)
{
	switch (self) {
	case A: {
		char *place = mmap(NULL, NR_PAGES * PAGE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(setpgid(0, 0) == 0);
		CHECK(place != MAP_FAILED);
		movable = mremap(movable, NR_PAGES * PAGE, NR_PAGES * PAGE,
				 MREMAP_MAYMOVE | MREMAP_FIXED, place);
		CHECK(movable == place);
		board->zombies[2] = make_zombie(0, 7);
		number_to_pipe(0);
		close_end(&from_a_to_b[0]);
		break;
	}
	case A1:
		CHECK(madvise(droppable, NR_PAGES * PAGE, MADV_DONTNEED) == 0);
		close_end(&from_a_to_b[1]);
		break;
	case B:
		CHECK(setsid() == getpid());
		CHECK(munmap(droppable + PAGE, PAGE) == 0);
		close_end(&from_a_to_b[1]);
		break;
	case B1:
		CHECK(setpgid(0, 0) == 0);
		close_end(&from_a_to_b[0]);
		break;
	}
}

static int child_of(int member)
{
	for (int i = 0; i < NR_MEMBERS; i++)
		if (parents[i] == member)
			return i;
	return -1;
}

/* Answers the root's questions, until it is told to end. */
static void run_member(void)
{
	const int child = child_of(self);
	char question;

	set_up_member();
	become(self);
	if (child >= 0)
		fork_member(child);
	keep_own_ends();
	CHECK(write(answers[self][1], "r", 1) == 1);
	while (read(questions[self][0], &question, 1) == 1) {
		if (question == 'e')
			break;
		check_all();
		CHECK(write(answers[self][1], "y", 1) == 1);
	}
	if (child >= 0)
		reap(board->pids[child], 10 + child);
	if (self == A)
		reap(board->zombies[2], 7);
	_exit(10 + self);
}

static void set_up(const char *directory)
{
	char path[4096];

	board = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(board != MAP_FAILED);
	snprintf(path, sizeof(path), "%s/letters", directory);
	letters = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(letters >= 0 && write(letters, "abcdefghijklmnopqrstuvwxyz", 26) == 26);
	CHECK(lseek(letters, 3, SEEK_SET) == 3);
	board->next_letter = 3;
	counter = eventfd(5, EFD_NONBLOCK);
	CHECK(counter >= 0 && pipe(from_a_to_b) == 0);
	for (int i = ROOT + 1; i < NR_MEMBERS; i++)
		CHECK(pipe2(questions[i], O_CLOEXEC) == 0 && pipe(answers[i]) == 0);
	CHECK(fcntl(questions[A][1], F_SETPIPE_SZ, PIPE_BYTES) == PIPE_BYTES);
	common = map_pages(NR_COMMON, 1);
	stamped = map_pages(NR_MEMBERS, 0);
	late = map_pages(NR_PAGES, 'o');
	siblings = map_pages(NR_PAGES, 's');
	movable = map_pages(NR_PAGES, 'm');
	droppable = map_pages(NR_PAGES, 'd');
	zeros = map_pages(NR_PAGES, 0);
	check_pages(zeros, NR_PAGES, 0);
}

static void fork_all(void)
{
	become(ROOT);
	fork_member(A);
	for (int i = 0; i < NR_PAGES; i++)
		memset(late + i * PAGE, 'n' + i, PAGE);
	fork_member(B);
	for (int i = 0; i < NR_PAGES; i++)
		memset(siblings + i * PAGE, 'R' + i, PAGE);
	board->zombies[0] = make_zombie(0, 42);
	board->zombies[1] = make_zombie(1, -1);
	close_pair(from_a_to_b);
	for (int i = ROOT + 1; i < NR_MEMBERS; i++) {
		close_end(&questions[i][0]);
		close_end(&answers[i][1]);
	}
}

static const char *ask_all(void)
{
	board->asked++;
	check_all();
	for (int i = ROOT + 1; i < NR_MEMBERS; i++) {
		char answer = 0;

		if (write(questions[i][1], "?", 1) != 1 || read(answers[i][0], &answer, 1) != 1)
			return names[i];
		CHECK(answer == 'y');
	}
	return "right";
}

static void tell_where(void)
{
	for (int i = 0; i < NR_MEMBERS; i++)
		printf("%s=%d ", names[i], (int)board->pids[i]);
	printf("common=%lx late=%lx siblings=%lx stamped=%lx board=%lx\n", (unsigned long)common,
	       (unsigned long)late, (unsigned long)siblings, (unsigned long)stamped,
	       (unsigned long)board);
}

static void end_all(void)
{
	int status;

	/* Children before their parents, who wait for them. */
	for (int i = NR_MEMBERS - 1; i > ROOT; i--)
		CHECK(write(questions[i][1], "e", 1) == 1);
	reap(board->pids[A], 10 + A);
	reap(board->pids[B], 10 + B);
	reap(board->zombies[0], 42);
	CHECK(waitpid(board->zombies[1], &status, 0) == board->zombies[1]);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(waitpid(-1, &status, 0) < 0 && errno == ECHILD);
}

int main(int argc, char **argv)
{
	char line[64];

	CHECK(argc == 2);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	set_up(argv[1]);
	fork_all();
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "where\n") == 0) {
			tell_where();
		} else if (strcmp(line, "end\n") == 0) {
			end_all();
			puts("right");
			return 0;
		} else {
			puts(ask_all());
		}
	}
	return 0;
}
