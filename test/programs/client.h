/* SPDX-License-Identifier: Apache-2.0 */
/* A minimal controller in C, for tests of the module that need no controller. */
#ifndef TRACKER_TEST_CLIENT_H
#define TRACKER_TEST_CLIENT_H

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "../../kmod/include/uapi/linux/tracker.h"
#include "check.h"

static inline int client_open_device(void)
{
	int device = open("/dev/tracker", O_RDWR | O_CLOEXEC);

	CHECK(device >= 0);
	return device;
}

static inline int client_open_session(int device, pid_t pid, unsigned flags)
{
	struct tracker_session_open args = { .pid = pid, .flags = flags };

	CHECK(ioctl(device, TRACKER_IOC_SESSION_OPEN, &args) == 0);
	return args.fd;
}

/* Single-threaded targets only. */
static inline void client_freeze(pid_t pid)
{
	int status;

	CHECK(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0);
	CHECK(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
}

static inline void client_thaw(pid_t pid)
{
	CHECK(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
}

static inline unsigned client_layout(int session, struct tracker_vma *vmas,
				     unsigned max)
{
	struct tracker_layout args = { .vmas_addr = (unsigned long)vmas,
				       .nr_vmas = max };

	CHECK(ioctl(session, TRACKER_IOC_LAYOUT, &args) == 0);
	CHECK(args.nr_vmas <= max);
	return args.nr_vmas;
}

/* Swaps all that can be. */
static inline int client_try_swap_all(int session, struct tracker_swap *args)
{
	static struct tracker_vma vmas[4096];
	static struct tracker_range ranges[4096];
	unsigned i, n = client_layout(session, vmas, 4096);

	*args = (struct tracker_swap){ .ranges_addr = (unsigned long)ranges };
	for (i = 0; i < n; i++)
		if (vmas[i].state == TRACKER_VMA_SWAPPABLE)
			ranges[args->nr_ranges++] = (struct tracker_range){
				vmas[i].start, vmas[i].end };
	return ioctl(session, TRACKER_IOC_SWAP, args);
}

/* Returns the pages copied. */
static inline unsigned long client_swap_all(int session)
{
	struct tracker_swap args;

	CHECK(client_try_swap_all(session, &args) == 0);
	CHECK(args.nr_done == args.nr_ranges);
	return args.nr_pages;
}

/* Where an address is in its region. */
static inline struct tracker_vma client_vma(int session, unsigned long addr)
{
	static struct tracker_vma vmas[4096];
	unsigned i, n = client_layout(session, vmas, 4096);

	for (i = 0; i < n; i++)
		if (vmas[i].start <= addr && addr < vmas[i].end)
			return vmas[i];
	fprintf(stderr, "nothing is mapped at %lx\n", addr);
	exit(1);
}

static struct tracker_run client_runs[1 << 16];

static inline struct tracker_harvest client_harvest(int session)
{
	struct tracker_harvest args = { .runs_addr = (unsigned long)client_runs,
					.nr_runs = 1 << 16 };

	CHECK(ioctl(session, TRACKER_IOC_HARVEST, &args) == 0);
	CHECK(!args.more);
	return args;
}

static inline void client_commit(int session, unsigned long epoch)
{
	struct tracker_epoch args = { .epoch = epoch };

	CHECK(ioctl(session, TRACKER_IOC_COMMIT, &args) == 0);
}

static inline int client_harvest_has(const struct tracker_harvest *harvest,
				     const struct tracker_vma *vma,
				     unsigned long addr)
{
	unsigned long page = vma->region_page + (addr - vma->start) / PAGE;
	unsigned i;

	for (i = 0; i < harvest->nr_runs; i++)
		if (client_runs[i].region == vma->region &&
		    client_runs[i].page <= page &&
		    page < client_runs[i].page + client_runs[i].nr_pages)
			return 1;
	return 0;
}

static inline void client_revert(int session)
{
	struct tracker_revert args = {};

	CHECK(ioctl(session, TRACKER_IOC_REVERT, &args) == 0);
}

#endif
