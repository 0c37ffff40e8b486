/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is written by the kernel, or by another process. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "promise.h"

#define NR_PAGES 16

static char *area;
static int ends[2];

static void set_up_area(void)
{
	area = map_private(NR_PAGES);
	fill(area, 0, NR_PAGES, 0);
}

/* Sends pages with fill()'s content into a file descriptor. */
static void send_pages(int fd, size_t nr, uint64_t value)
{
	static char source[NR_PAGES * PAGE] __attribute__((aligned(PAGE)));

	fill(source, 0, nr, value);
	CHECK(write(fd, source, nr * PAGE) == (ssize_t)(nr * PAGE));
}

static void set_up_read(void)
{
	set_up_area();
	CHECK(pipe(ends) == 0);
}

static void check_read(void)
{
	struct iovec parts[] = { { area, PAGE * NR_PAGES / 2 },
				 { area + PAGE * NR_PAGES / 2,
				   PAGE * NR_PAGES / 2 } };

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	send_pages(ends[1], NR_PAGES, promise.iteration);
	CHECK(readv(ends[0], parts, 2) == NR_PAGES * PAGE);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

static int files[2];

static void set_up_direct(void)
{
	char name[] = "/tmp/promise-direct-XXXXXX";

	set_up_area();
	files[0] = mkstemp(name);
	CHECK(files[0] >= 0);
	files[1] = open(name, O_RDWR | O_DIRECT);
	CHECK(files[1] >= 0 && unlink(name) == 0);
	file_fill(files[0], 0, NR_PAGES, 0);
}

/* From and to the disk, without the page cache in between. */
static void check_direct(void)
{
	size_t bytes = NR_PAGES * PAGE;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	fill(area, 0, NR_PAGES, promise.iteration);
	CHECK(pwrite(files[1], area, bytes, 0) == (ssize_t)bytes);
	fill(area, 0, NR_PAGES, 0);
	CHECK(pread(files[1], area, bytes, 0) == (ssize_t)bytes);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

/* Another process writes here, as a debugger would. */
static void write_by_call(pid_t pid, char *source)
{
	struct iovec from = { source, NR_PAGES * PAGE };
	struct iovec to = { area, NR_PAGES * PAGE };

	CHECK(process_vm_writev(pid, &from, 1, &to, 1, 0) == NR_PAGES * PAGE);
}

static void write_by_file(pid_t pid, char *source)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	CHECK(pwrite(fd, source, NR_PAGES * PAGE, (off_t)area) ==
	      NR_PAGES * PAGE);
	close(fd);
}

static void check_foreign(void)
{
	pid_t self = getpid(), child;

	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
	child = fork_child();
	if (child == 0) {
		char *source = map_private(NR_PAGES);

		fill(source, 0, NR_PAGES, promise.iteration);
		if (promise.variant)
			write_by_file(self, source);
		else
			write_by_call(self, source);
		_exit(0);
	}
	expect_success(child);
	CHECK(holds(area, 0, NR_PAGES, promise.iteration));
}

/* Registers that a signal frame has to bring back. */
struct registers {
	double vectors[10][2];
	uint64_t words[4];
};

static volatile sig_atomic_t nr_signals;
static volatile double noise = 1.5;

static void handle_signal(int signal, siginfo_t *info, void *context)
{
	volatile char local[PAGE];

	(void)info, (void)context;
	CHECK(signal == SIGUSR1 || signal == SIGALRM);
	if (promise.variant)
		CHECK((char *)local >= area &&
		      (char *)local < area + NR_PAGES * PAGE);
	memset((char *)local, nr_signals, PAGE);
	for (int i = 0; i < 20; i++)
		noise = noise * 1.01 + 0.5;
	asm volatile("pxor %%xmm6, %%xmm6\n pxor %%xmm15, %%xmm15\n"
		     "xor %%r12, %%r12\n xor %%r15, %%r15\n" ::
			     : "xmm6", "xmm15", "r12", "r15");
	nr_signals++;
}

/* Loads registers, sends a signal to this thread, stores the registers. */
static void signal_with_registers(struct registers *in, struct registers *out)
{
	long self = getpid(), own_tid = gettid();
	register long number asm("rax") = SYS_tgkill;
	register long process asm("rdi") = self;
	register long thread asm("rsi") = own_tid;
	register long signal asm("rdx") = SIGUSR1;
	register struct registers *from asm("r8") = in;
	register struct registers *to asm("r9") = out;

#define EACH_VECTOR(F)                                                         \
	F("0", "6") F("16", "7") F("32", "8") F("48", "9") F("64", "10")       \
	F("80", "11") F("96", "12") F("112", "13") F("128", "14")              \
	F("144", "15")
#define LOAD(at, nr) "movups " at "(%%r8), %%xmm" nr "\n"
#define STORE(at, nr) "movups %%xmm" nr ", " at "(%%r9)\n"
	asm volatile(EACH_VECTOR(LOAD)
		     "mov 160(%%r8), %%r12\n mov 168(%%r8), %%r13\n"
		     "mov 176(%%r8), %%r14\n mov 184(%%r8), %%r15\n"
		     "syscall\n"
		     EACH_VECTOR(STORE)
		     "mov %%r12, 160(%%r9)\n mov %%r13, 168(%%r9)\n"
		     "mov %%r14, 176(%%r9)\n mov %%r15, 184(%%r9)\n"
		     : "+r"(number)
		     : "r"(process), "r"(thread), "r"(signal), "r"(from),
		       "r"(to)
		     : "rcx", "r11", "r12", "r13", "r14", "r15", "memory",
		       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
		       "xmm12", "xmm13", "xmm14", "xmm15");
	CHECK(number == 0);
}

static void set_up_signals(void)
{
	struct sigaction action = { .sa_sigaction = handle_signal,
				    .sa_flags = SA_SIGINFO };
	struct itimerval timer = { { 0, 2000 }, { 0, 2000 } };

	set_up_area();
	if (promise.variant) {
		stack_t stack = { .ss_sp = area, .ss_size = NR_PAGES * PAGE };

		CHECK(sigaltstack(&stack, NULL) == 0);
		action.sa_flags |= SA_ONSTACK;
	}
	action.sa_flags |= SA_RESTART;
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void check_signals(void)
{
	struct registers in, out;
	double sum = 0;
	int before;

	for (int i = 0; i < 10; i++)
		in.vectors[i][0] = in.vectors[i][1] = promise.iteration + i;
	for (int i = 0; i < 4; i++)
		in.words[i] = promise.iteration * 77 + i;
	before = nr_signals;
	signal_with_registers(&in, &out);
	CHECK(nr_signals > before);
	CHECK(!memcmp(&in, &out, sizeof(in)));
	/* A sum that the timer interrupts somewhere. */
	for (int i = 0; i < 20000; i++)
		sum += i * 0.5;
	CHECK(sum == 0.5 * 19999 * 20000 / 2);
	if (!promise.variant)
		CHECK(holds(area, 0, NR_PAGES, 0));
}

static void end_signals(void)
{
	CHECK(nr_signals >= (int)promise.iteration);
}

/* The kernel writes the cpu's number into each thread's area. */
static struct rseq *own_rseq(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() +
			       __rseq_offset);
}

static void check_cpu_ids(cpu_set_t allowed)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		cpu_set_t one;

		if (!CPU_ISSET(cpu, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
		CHECK(((volatile struct rseq *)own_rseq())->cpu_id ==
		      (unsigned)cpu);
		CHECK(sched_getcpu() == cpu);
	}
	CHECK(sched_setaffinity(0, sizeof(allowed), &allowed) == 0);
}

static cpu_set_t all_cpus;

static void set_up_rseq(void)
{
	CHECK(__rseq_size > 0);
	CHECK(sched_getaffinity(0, sizeof(all_cpus), &all_cpus) == 0);
}

static void *check_rseq_of_thread(void *unused)
{
	check_cpu_ids(all_cpus);
	return unused;
}

static void check_rseq(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, check_rseq_of_thread, NULL) == 0);
	check_cpu_ids(all_cpus);
	CHECK(pthread_join(thread, NULL) == 0);
}

/* A thread whose id the kernel writes at its birth and clears at its end. */
static int live_in_area(void *unused)
{
	(void)unused;
	usleep(1000);
	/* Not _exit(): that would end all threads. */
	syscall(SYS_exit, 0);
	return 0;
}

static void check_cleartid(void)
{
	volatile pid_t *tid = (volatile pid_t *)area;
	pid_t born;

	CHECK(holds(area, 1, 1, 0));
	CHECK(promise.iteration == 1 || *tid == 0);
	born = clone(live_in_area, area + NR_PAGES * PAGE,
		     CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
			     CLONE_THREAD | CLONE_SYSVSEM |
			     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
		     NULL, tid, NULL, tid);
	CHECK(born > 0);
	for (;;) {
		pid_t now = *tid;

		if (now == 0)
			break;
		CHECK(now == born);
		syscall(SYS_futex, tid, FUTEX_WAIT, now, NULL, NULL, 0);
	}
}

/*
 * A ring of one request at a time. A child, which has mapped it, submits what this
 * process has registered: a ring that is mapped is memory of a device, and such a
 * target is refused.
 */
static struct {
	int fd;
	struct io_uring_params params;
	char *rings;
	struct io_uring_sqe *entries;
	int is_registered;
	struct door asked, done;
} ring;

static _Atomic unsigned *ring_word(unsigned offset)
{
	return (_Atomic unsigned *)(ring.rings + offset);
}

static void map_ring(void)
{
	ring.rings = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  ring.fd, IORING_OFF_SQ_RING);
	ring.entries = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    ring.fd, IORING_OFF_SQES);
	CHECK(ring.rings != MAP_FAILED && (void *)ring.entries != MAP_FAILED);
}

/* Reads into a page of the registered area; returns what the completion says. */
static int read_by_ring(size_t page)
{
	_Atomic unsigned *head = ring_word(ring.params.cq_off.head);
	_Atomic unsigned *tail = ring_word(ring.params.sq_off.tail);
	unsigned mask = *ring_word(ring.params.sq_off.ring_mask);
	unsigned slot = *tail & mask;
	struct io_uring_cqe *completions = (struct io_uring_cqe *)
		(ring.rings + ring.params.cq_off.cqes);
	int result;

	ring.entries[slot] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ_FIXED,
		.fd = ends[0],
		.addr = (uintptr_t)area + page * PAGE,
		.len = PAGE,
	};
	*ring_word(ring.params.sq_off.array + slot * sizeof(unsigned)) = slot;
	(*tail)++;
	while (syscall(__NR_io_uring_enter, ring.fd, 1, 1,
		       IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		CHECK(errno == EINTR);
	result = completions[*head & *ring_word(ring.params.cq_off.ring_mask)]
			 .res;
	(*head)++;
	return result;
}

static void submit_for_parent(void)
{
	map_ring();
	for (size_t page = 1;; page = (page + 1) % NR_PAGES) {
		await(ring.asked);
		CHECK(read_by_ring(page) == PAGE);
		open_door(ring.done);
	}
}

static void register_buffer(void)
{
	struct iovec part = { area, NR_PAGES * PAGE };

	ring.is_registered = syscall(__NR_io_uring_register, ring.fd,
				     IORING_REGISTER_BUFFERS, &part, 1) == 0;
	/* Tracked memory cannot be pinned for long. */
	CHECK(ring.is_registered || errno == EFAULT || errno == EOPNOTSUPP);
}

static void set_up_ring(void)
{
	set_up_area();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	ring.fd = syscall(__NR_io_uring_setup, 4, &ring.params);
	CHECK(ring.fd >= 0);
	CHECK(ring.params.features & IORING_FEAT_SINGLE_MMAP);
	ring.asked = make_door();
	ring.done = make_door();
	if (fork_child() == 0)
		submit_for_parent();
	register_buffer();
	CHECK(ring.is_registered);
}

static void register_again(void)
{
	/* It waits for requests under way, and a freeze interrupts that. */
	while (ring.is_registered &&
	       syscall(__NR_io_uring_register, ring.fd,
		       IORING_UNREGISTER_BUFFERS, NULL, 0))
		CHECK(errno == EINTR);
	register_buffer();
}

static void check_ring(void)
{
	unsigned long i = promise.iteration;
	size_t page = i % NR_PAGES;

	for (size_t other = 0; i > NR_PAGES && other < NR_PAGES; other++)
		CHECK(holds(area + other * PAGE, 0, 1,
			    i - 1 - (i - 1 - other) % NR_PAGES));
	/* Always back at the same page, where the child is, too. */
	if (promise.variant && page == 1)
		register_again();
	send_pages(ends[1], 1, i);
	if (ring.is_registered) {
		open_door(ring.asked);
		await(ring.done);
	} else {
		CHECK(read(ends[0], area + page * PAGE, PAGE) == PAGE);
	}
	CHECK(holds(area + page * PAGE, 0, 1, i));
}

/* Pages that wait in a pipe, and are not written meanwhile. */
static void check_vmsplice(void)
{
	static char received[NR_PAGES * PAGE] __attribute__((aligned(PAGE)));
	struct iovec part = { area, NR_PAGES / 2 * PAGE };

	if (promise.iteration % 2) {
		fill(area, 0, NR_PAGES, promise.iteration);
		CHECK(vmsplice(ends[1], &part, 1, 0) ==
		      (ssize_t)part.iov_len);
		return;
	}
	CHECK(read(ends[0], received, sizeof(received)) ==
	      (ssize_t)part.iov_len);
	CHECK(holds(received, 0, NR_PAGES / 2, promise.iteration - 1));
	CHECK(holds(area, 0, NR_PAGES, promise.iteration - 1));
}

static const struct promise promises[] = {
	{ "read", set_up_read, check_read, NULL, 0 },
	{ "direct", set_up_direct, check_direct, NULL, 0 },
	{ "vm-writev", set_up_area, check_foreign, NULL, 0 },
	{ "proc-mem", set_up_area, check_foreign, NULL, 1 },
	{ "signals", set_up_signals, check_signals, end_signals, 0 },
	{ "altstack", set_up_signals, check_signals, end_signals, 1 },
	{ "rseq", set_up_rseq, check_rseq, NULL, 0 },
	{ "cleartid", set_up_area, check_cleartid, NULL, 0 },
	{ "registered", set_up_ring, check_ring, NULL, 0 },
	{ "registering", set_up_ring, check_ring, NULL, 1 },
	{ "vmsplice", set_up_read, check_vmsplice, NULL, 0 },
};

PROMISE_MAIN(promises)
