/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose writes are in the log, for each kind of mapping: a target that tells its
 * controller which page it has just had changed, and by what way.
 *
 *   kinds NAME     one of the table at the end; `kinds` alone lists them
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "client.h"

#define NPAGES 64UL

/* What the target asks for, and about which address. */
struct request {
	char what;
	char *addr;
};

static int to_controller, from_controller;

static void ask(char what, char *addr)
{
	struct request request = { what, addr };
	char answer;

	CHECK(write(to_controller, &request, sizeof(request)) ==
	      sizeof(request));
	CHECK(read(from_controller, &answer, 1) == 1);
}

static void track(void) { ask('T', NULL); }
static void take_round(void) { ask('r', NULL); }
static void revert(void) { ask('R', NULL); }
static void expect_dirty(char *addr) { ask('d', addr); }
static void expect_clean(char *addr) { ask('c', addr); }
static void expect_rescan(void) { ask('s', NULL); }
static void expect_rescan_of(char *addr) { ask('s', addr); }
static void expect_file_shared(char *addr) { ask('f', addr); }
static void expect_anon_shared(char *addr) { ask('a', addr); }
static void expect_to_be_swapped(char *addr) { ask('u', addr); }
static void expect_refusal(void) { ask('x', NULL); }

/* A file with a name that ends with XXXXXX. */
static int filled_file(char *path, size_t pages)
{
	char page[PAGE];
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	for (size_t i = 0; i < pages; i++) {
		memset(page, 'a' + i % 26, PAGE);
		CHECK(write(fd, page, PAGE) == (ssize_t)PAGE);
	}
	CHECK(fsync(fd) == 0);
	return fd;
}

static int scratch_file(size_t pages)
{
	char path[] = "/var/tmp/kinds-XXXXXX";
	int fd = filled_file(path, pages);

	CHECK(unlink(path) == 0);
	return fd;
}

static char *map_fd(int fd, int flags)
{
	char *map = mmap(NULL, NPAGES * PAGE, PROT_READ | PROT_WRITE, flags, fd,
			 0);

	CHECK(map != MAP_FAILED);
	return map;
}

static void wait_for(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Every way in which a shared page can change. */
static void check_segment(int fd, char *map)
{
	char *other;
	pid_t pid;

	memset(map, 1, 8 * PAGE);
	track();
	take_round();
	expect_clean(map);
	map[0] = 2;
	expect_dirty(map);
	expect_clean(map + PAGE);
	CHECK(mprotect(map, PAGE, PROT_READ) == 0);
	take_round();
	CHECK(mprotect(map, PAGE, PROT_READ | PROT_WRITE) == 0);
	map[0] = 3;
	expect_dirty(map);
	pid = fork();
	if (pid == 0) {
		map[2 * PAGE] = 7;
		_exit(0);
	}
	wait_for(pid);
	CHECK(map[2 * PAGE] == 7);
	expect_dirty(map + 2 * PAGE);
	take_round();
	if (fd >= 0) {
		/* Mapped, changed and unmapped between two rounds. */
		other = map_fd(fd, MAP_SHARED);
		CHECK(other[3 * PAGE] == 1);
		other[3 * PAGE] = 8;
		CHECK(munmap(other, NPAGES * PAGE) == 0);
		expect_dirty(map + 3 * PAGE);
		other = map_fd(fd, MAP_SHARED);
		take_round();
		other[4 * PAGE] = 8;
		expect_dirty(map + 4 * PAGE);
		CHECK(map[4 * PAGE] == 8);
		take_round();
		CHECK(pwrite(fd, "x", 1, 5 * PAGE) == 1);
		CHECK(map[5 * PAGE] == 'x');
		expect_rescan();
		take_round();
		expect_clean(map + 6 * PAGE);
	}
	revert();
	map[0] = 9;
	CHECK(map[2 * PAGE] == 7 && map[0] == 9);
}

static void memfd(void)
{
	int fd = memfd_create("kinds", 0);

	CHECK(fd >= 0 && ftruncate(fd, NPAGES * PAGE) == 0);
	check_segment(fd, map_fd(fd, MAP_SHARED));
}

/* The target only reads; another process writes. */
static void read_only_segment(void)
{
	int fd = memfd_create("kinds", 0), go[2];
	char path[64], *map, c;
	pid_t pid;

	CHECK(fd >= 0 && ftruncate(fd, NPAGES * PAGE) == 0 && pipe(go) == 0);
	pid = fork();
	if (pid == 0) {
		map = map_fd(fd, MAP_SHARED);
		map[PAGE] = 1;
		CHECK(read(go[0], &c, 1) == 1);
		map[PAGE] = 2;
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY);
	map = mmap(NULL, NPAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	while (((volatile char *)map)[PAGE] != 1)
		usleep(1000);
	track();
	take_round();
	CHECK(write(go[1], "x", 1) == 1);
	wait_for(pid);
	CHECK(map[PAGE] == 2);
	expect_dirty(map + PAGE);
	expect_clean(map + 2 * PAGE);
	revert();
}

static void register_with_userfaultfd(char *map)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (uintptr_t)map, NPAGES * PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY);

	CHECK(fd >= 0);
	CHECK(ioctl(fd, UFFDIO_API, &api) == 0);
	CHECK(ioctl(fd, UFFDIO_REGISTER, &range) == 0);
}

/* Another process' mapping cannot be tracked at first. */
static void registered_segment(void)
{
	int fd = memfd_create("kinds", 0), ready[2], status;
	char *map, c;
	pid_t pid;

	CHECK(fd >= 0 && ftruncate(fd, NPAGES * PAGE) == 0 && pipe(ready) == 0);
	map = map_fd(fd, MAP_SHARED);
	map[0] = 1;
	pid = fork();
	if (pid == 0) {
		register_with_userfaultfd(map_fd(fd, MAP_SHARED));
		CHECK(write(ready[1], "x", 1) == 1);
		for (;;)
			pause();
	}
	CHECK(read(ready[0], &c, 1) == 1);
	expect_refusal();
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	track();
	take_round();
	expect_clean(map);
	map[0] = 2;
	expect_dirty(map);
	revert();
	CHECK(map[0] == 2);
}

static void shared_anonymous(void)
{
	check_segment(-1, map_fd(-1, MAP_SHARED | MAP_ANONYMOUS));
}

static void sysv(void)
{
	int id = shmget(IPC_PRIVATE, NPAGES * PAGE, IPC_CREAT | 0600);
	char *map = shmat(id, NULL, 0), *other;

	CHECK(map != (char *)-1);
	memset(map, 1, 4 * PAGE);
	track();
	take_round();
	other = shmat(id, NULL, 0);
	CHECK(other != (char *)-1);
	other[PAGE] = 5;
	expect_dirty(map + PAGE);
	CHECK(shmdt(other) == 0);
	take_round();
	map[0] = 2;
	expect_dirty(map);
	revert();
	CHECK(map[PAGE] == 5);
	CHECK(shmdt(map) == 0 && shmctl(id, IPC_RMID, NULL) == 0);
}

static void deleted_file(void)
{
	int fd = scratch_file(NPAGES);

	check_segment(fd, map_fd(fd, MAP_SHARED));
}

static void named_file(void)
{
	char path[] = "/var/tmp/kinds-XXXXXX";
	int fd = mkstemp(path);
	char *map, c;

	CHECK(fd >= 0 && ftruncate(fd, NPAGES * PAGE) == 0);
	map = map_fd(fd, MAP_SHARED);
	check_segment(fd, map);
	CHECK(msync(map, NPAGES * PAGE, MS_SYNC) == 0);
	CHECK(pread(fd, &c, 1, 2 * PAGE) == 1 && c == 7);
	CHECK(unlink(path) == 0);
}

/* What the images had left to the file they must have when it is deleted. */
static void unlinked_file(void)
{
	char path[] = "/var/tmp/kinds-XXXXXX";
	int fd = filled_file(path, NPAGES);
	char *map = map_fd(fd, MAP_SHARED);

	track();
	map[0] = 1;
	expect_dirty(map);
	expect_file_shared(map);
	CHECK(unlink(path) == 0);
	expect_to_be_swapped(map);
	track();
	expect_anon_shared(map);
	take_round();
	expect_clean(map + 2 * PAGE);
	map[2 * PAGE] = 1;
	expect_dirty(map + 2 * PAGE);
	CHECK(map[0] == 1 && map[PAGE] == 'b');
	revert();
}

static void write_by_aio(int fd, size_t page, char value)
{
	static char buffer[PAGE] __attribute__((aligned(PAGE)));
	struct iocb request = { .aio_lio_opcode = IOCB_CMD_PWRITE,
				.aio_fildes = fd,
				.aio_buf = (uintptr_t)buffer,
				.aio_nbytes = PAGE,
				.aio_offset = page * PAGE };
	struct iocb *list = &request;
	struct io_event event;
	aio_context_t context = 0;

	memset(buffer, value, PAGE);
	CHECK(syscall(SYS_io_setup, 1, &context) == 0);
	CHECK(syscall(SYS_io_submit, context, 1, &list) == 1);
	/* Nobody can read anymore what was asked for. */
	memset(&request, 0, sizeof(request));
	CHECK(syscall(SYS_io_getevents, context, 1, 1, &event, NULL) == 1);
	CHECK(event.res == (long)PAGE);
	CHECK(syscall(SYS_io_destroy, context) == 0);
}

/* By another process, into the page cache and past it. */
static void expect_aio(int fd, char *map, size_t page, char value)
{
	pid_t pid = fork();

	if (pid == 0) {
		write_by_aio(fd, page, value);
		_exit(0);
	}
	wait_for(pid);
	CHECK(map[page * PAGE] == value);
	expect_rescan_of(map + page * PAGE);
	expect_clean(map + page * PAGE);
}

static void written_by_aio(void)
{
	int fd = scratch_file(NPAGES), direct;
	char *map = map_fd(fd, MAP_SHARED), path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	direct = open(path, O_RDWR | O_DIRECT);
	CHECK(direct >= 0);
	map[3 * PAGE] = 1;
	track();
	take_round();
	expect_clean(map + 3 * PAGE);
	expect_aio(fd, map, 3, 'x');
	expect_aio(direct, map, 3, 'y');
	revert();
}

static sigjmp_buf past_end;

static void on_sigbus(int signal)
{
	(void)signal;
	siglongjmp(past_end, 1);
}

static int raises_sigbus(volatile char *addr)
{
	struct sigaction action = { .sa_handler = on_sigbus };

	CHECK(sigaction(SIGBUS, &action, NULL) == 0);
	if (sigsetjmp(past_end, 1))
		return 1;
	(void)*addr;
	return 0;
}

static void private_file(void)
{
	int fd = scratch_file(NPAGES);
	char *map = map_fd(fd, MAP_PRIVATE), c;
	pid_t pid;

	map[0] = 1;
	CHECK(map[PAGE] == 'b');
	track();
	CHECK(map[0] == 1 && map[1] == 'a');
	for (size_t i = 1; i < NPAGES; i++)
		CHECK(map[i * PAGE] == (char)('a' + i % 26));
	take_round();
	expect_clean(map + PAGE);
	map[PAGE] = 2;
	expect_dirty(map + PAGE);
	expect_clean(map + 2 * PAGE);
	CHECK(map[PAGE + 1] == 'b');
	CHECK(pread(fd, &c, 1, PAGE) == 1 && c == 'b');
	pid = fork();
	if (pid == 0) {
		CHECK(map[0] == 1 && map[PAGE] == 2 && map[2 * PAGE] == 'c');
		map[3 * PAGE] = 4;
		CHECK(map[3 * PAGE] == 4 && map[3 * PAGE + 1] == 'd');
		usleep(100000);
		CHECK(map[4 * PAGE] == 'e' && map[0] == 1);
		_exit(0);
	}
	map[4 * PAGE] = 5;
	map[0] = 5;
	wait_for(pid);
	CHECK(map[3 * PAGE] == 'd');
	/* The file changes where nobody has written to the mapping. */
	CHECK(map[6 * PAGE] == 'g');
	CHECK(pwrite(fd, "zz", 2, 6 * PAGE) == 2);
	CHECK(pwrite(fd, "zz", 2, PAGE) == 2);
	CHECK(map[6 * PAGE] == 'z' && map[PAGE] == 2);
	CHECK(madvise(map + PAGE, PAGE, MADV_DONTNEED) == 0);
	CHECK(map[PAGE] == 'z' && map[PAGE + 2] == 'b');
	map[40 * PAGE] = 6;
	CHECK(ftruncate(fd, 32 * PAGE) == 0);
	CHECK(raises_sigbus(map + 40 * PAGE) && raises_sigbus(map + 32 * PAGE));
	CHECK(!raises_sigbus(map + 31 * PAGE));
	CHECK(ftruncate(fd, NPAGES * PAGE) == 0);
	CHECK(map[40 * PAGE] == 0);
	take_round();
	revert();
	CHECK(map[0] == 5 && map[4 * PAGE] == 5 && map[5 * PAGE] == 'f');
	CHECK(pread(fd, &c, 1, 0) == 1 && c == 'a');
}

/* Reading what was never written allocates nothing. */
static void holes(void)
{
	char *map = mmap(NULL, NPAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	map[0] = 1;
	track();
	take_round();
	for (size_t i = 1; i < NPAGES; i++)
		CHECK(map[i * PAGE] == 0);
	ask('p', NULL);
	map[PAGE] = 1;
	expect_dirty(map + PAGE);
	CHECK(map[PAGE] == 1 && map[2 * PAGE] == 0);
	/* Instructions that read and write what was never written have to end. */
	__asm__ volatile("incb %0" : "+m"(map[3 * PAGE]));
	__asm__ volatile("movsb"
			 :
			 : "S"(map + 4 * PAGE), "D"(map + 4 * PAGE + 8)
			 : "memory");
	CHECK(map[3 * PAGE] == 1 && map[4 * PAGE + 8] == 0);
	expect_dirty(map + 3 * PAGE);
	revert();
	CHECK(map[PAGE] == 1 && map[2 * PAGE] == 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{ "memfd", memfd },
	{ "read_only_segment", read_only_segment },
	{ "registered_segment", registered_segment },
	{ "shared_anonymous", shared_anonymous },
	{ "sysv", sysv },
	{ "deleted_file", deleted_file },
	{ "named_file", named_file },
	{ "unlinked_file", unlinked_file },
	{ "written_by_aio", written_by_aio },
	{ "private_file", private_file },
	{ "holes", holes },
};

static struct tracker_session_status status_of(int session)
{
	struct tracker_session_status status = {};

	CHECK(ioctl(session, TRACKER_IOC_SESSION_STATUS, &status) == 0);
	return status;
}

/* What is tried again and again must not use anything up. */
static void check_refusal(int session, pid_t pid)
{
	struct tracker_swap args;
	unsigned long nr_regions = 0;
	int i;

	for (i = 0; i < 3; i++) {
		client_freeze(pid);
		CHECK(client_try_swap_all(session, &args) < 0);
		CHECK(errno == EAGAIN);
		client_thaw(pid);
		if (i == 0)
			nr_regions = status_of(session).nr_regions;
		CHECK(status_of(session).nr_regions == nr_regions);
	}
}

static void check_kind(int session, unsigned long addr, char what)
{
	struct tracker_vma vma = client_vma(session, addr);

	CHECK(vma.kind == (what == 'f' ? TRACKER_KIND_FILE_SHARED :
					 TRACKER_KIND_ANON_SHARED));
	CHECK(vma.state == (what == 'u' ? TRACKER_VMA_SWAPPABLE :
					  TRACKER_VMA_TRACKED));
}

static void track_or_revert(int session, pid_t pid, char what)
{
	client_freeze(pid);
	if (what == 'T')
		client_swap_all(session);
	else
		client_revert(session);
	client_thaw(pid);
}

static void answer(int session, pid_t pid, struct request *request)
{
	unsigned long addr = (unsigned long)request->addr;
	static unsigned long nr_pages;
	struct tracker_harvest harvest;
	struct tracker_vma vma;

	if (strchr("TR", request->what)) {
		track_or_revert(session, pid, request->what);
		return;
	}
	if (request->what == 'x') {
		check_refusal(session, pid);
		return;
	}
	if (strchr("fau", request->what)) {
		check_kind(session, addr, request->what);
		return;
	}
	if (request->what == 'p') {
		CHECK(status_of(session).backing_pages <= nr_pages + 8);
		return;
	}
	harvest = client_harvest(session);
	client_commit(session, harvest.epoch);
	nr_pages = status_of(session).backing_pages;
	if (request->what == 's')
		CHECK(harvest.nr_rescans == 1);
	if (!addr)
		return;
	vma = client_vma(session, addr);
	CHECK(vma.state == TRACKER_VMA_TRACKED);
	if (client_harvest_has(&harvest, &vma, addr) != (request->what == 'c'))
		return;
	fprintf(stderr, "page %lu is %s\n", (unsigned long)(addr - vma.start) / PAGE,
		request->what == 'd' ? "clean" : "dirty");
	exit(1);
}

static int control(pid_t pid, int in, int out)
{
	int device = client_open_device(), session = -1, status;
	struct request request;

	while (read(in, &request, sizeof(request)) == sizeof(request)) {
		if (session < 0)
			session = client_open_session(device, pid,
						      TRACKER_SESSION_CREATE);
		answer(session, pid, &request);
		CHECK(write(out, "g", 1) == 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status != 0;
}

int main(int argc, char **argv)
{
	int up[2], down[2];
	unsigned i;
	pid_t pid;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (argc < 2)
			puts(kinds[i].name);
		else if (!strcmp(kinds[i].name, argv[1]))
			break;
	}
	if (argc < 2 || i == sizeof(kinds) / sizeof(*kinds))
		return argc >= 2;
	CHECK(pipe(up) == 0 && pipe(down) == 0);
	pid = fork();
	if (pid == 0) {
		to_controller = up[1];
		from_controller = down[0];
		close(up[0]);
		close(down[1]);
		kinds[i].run();
		return 0;
	}
	close(up[1]);
	close(down[0]);
	return control(pid, up[0], down[1]);
}
