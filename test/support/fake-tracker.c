/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module's calls as the addon sees them, for LD_PRELOAD: lets the addon's loops and errors be
 * tested without the module. Pids choose the outcome.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/tracker.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NR_VMAS		1000
#define NR_RUNS		10000
#define EPOCH		7
#define ENDED		99		/* pid of a target that ends when its session is open */
#define MIN(a, b)	((a) < (b) ? (a) : (b))

static int fail(int error)
{
	errno = error;
	return -1;
}

static int fake_open(struct tracker_session_open *args)
{
	static const int errors[] = { EBUSY, ENOENT, EEXIST, EINVAL, ESRCH, EPERM };

	if (args->pid > 100) {
		if (args->pid == 101)
			args->holder = 77;
		return fail(errors[args->pid - 101]);
	}
	args->fd = memfd_create("session", MFD_CLOEXEC);
	if (pwrite(args->fd, &args->pid, sizeof(args->pid), 0) != sizeof(args->pid))
		return fail(EIO);
	args->created = args->flags == (TRACKER_SESSION_CREATE | TRACKER_SESSION_EXCLUSIVE);
	return 0;
}

/* Also by a duplicate of the session's fd. */
static int has_ended(int fd)
{
	__s32 pid = 0;

	return pread(fd, &pid, sizeof(pid), 0) == sizeof(pid) && pid == ENDED;
}

static int fake_status(struct tracker_session_status *args)
{
	if (args->pid > 100 || args->after >= 3)
		return fail(ENOENT);
	if (args->pid == 0)
		args->pid = 10 + args->after;
	args->after++;
	for (int i = 0; i < 16; i++)
		args->id[i] = 0xf0 + i;
	args->epoch = EPOCH;
	args->nr_dirty = 1ULL << 40;
	args->overflow = 1;
	return 0;
}

static int fake_layout(struct tracker_layout *args)
{
	struct tracker_vma *vmas = (void *)args->vmas_addr;

	for (unsigned int i = 0; i < MIN(args->nr_vmas, NR_VMAS); i++) {
		memset(&vmas[i], 0, sizeof(vmas[i]));
		vmas[i].start = 0x7f0000000000 + i * 0x2000;
		vmas[i].end = vmas[i].start + 0x1000;
		vmas[i].state = TRACKER_VMA_SWAPPABLE;
	}
	args->nr_vmas = NR_VMAS;
	return 0;
}

/* Shared ranges are not copied. The second range is not swappable if it begins at 0, and a thread runs if the first does. */
static int fake_swap(struct tracker_swap *args)
{
	struct tracker_range *ranges = (void *)args->ranges_addr;

	for (args->nr_done = 0; args->nr_done < args->nr_ranges; args->nr_done++) {
		struct tracker_range *range = &ranges[args->nr_done];

		if (range->start == 0 && args->nr_done > 0)
			return fail(EINVAL);
		if (range->start == 0) {
			args->busy_tid = 99;
			return fail(EBUSY);
		}
		if (!(args->flags & TRACKER_SWAP_SHARED))
			args->nr_pages += (range->end - range->start) >> TRACKER_PAGE_SHIFT;
	}
	return 0;
}

static unsigned int nr_taken;
static int is_pending;

/* Region 1 is dirty without a gap, in region 2 every third page is; runs come in a wild order. */
static void fake_run(struct tracker_run *run, unsigned int i)
{
	unsigned int n = (unsigned int)(((unsigned long)i * 7919) % NR_RUNS);

	run->region = n % 2 ? 2 : 1;
	run->page = (1ULL << 33) + n / 2 * (n % 2 ? 3 : 2);
	run->nr_pages = n % 2 ? 1 : 2;
}

/* FAKE_HARVEST_ERROR in the environment: the second part is out of memory. */
static int fake_harvest(struct tracker_harvest *args)
{
	struct tracker_run *runs = (void *)args->runs_addr;
	unsigned int nr;

	if (!(args->flags & TRACKER_HARVEST_CONTINUE) == !!nr_taken)
		return fail(EINVAL);
	if (nr_taken && getenv("FAKE_HARVEST_ERROR"))
		return fail(ENOMEM);
	nr = MIN(args->nr_runs, NR_RUNS - nr_taken);
	args->overflow = nr_taken > 0;
	for (args->nr_runs = 0; args->nr_runs < nr; args->nr_runs++) {
		fake_run(&runs[args->nr_runs], nr_taken++);
		args->nr_pages += runs[args->nr_runs].nr_pages;
	}
	args->epoch = EPOCH;
	args->nr_pinned = 1;
	args->nr_rescans = 2;
	args->more = nr_taken < NR_RUNS;
	is_pending = 1;
	if (!args->more)
		nr_taken = 0;
	return 0;
}

static int fake_end_harvest(const struct tracker_epoch *args)
{
	if (args->epoch != EPOCH || !is_pending)
		return fail(ESTALE);
	is_pending = 0;
	return 0;
}

/* Every page is there, those from 0x100 on are a file's. Each call ends after one page. */
static int fake_resident(struct tracker_resident *args)
{
	struct tracker_resident_run *runs = (void *)args->runs_addr;

	runs[0].start = args->start;
	runs[0].nr_pages = 1;
	runs[0].flags = args->start < 0x100000 ? TRACKER_RESIDENT_ANON : 0;
	args->nr_runs = 1;
	args->start += 0x1000;
	return 0;
}

/* As many processes map the memory as the page's number says. */
static int fake_sharers(struct tracker_sharers *args)
{
	unsigned int nr_pids = (unsigned int)(args->start >> TRACKER_PAGE_SHIFT);
	__s32 *pids = (void *)args->pids_addr;

	if (args->start == 0)
		return fail(EINVAL);
	for (unsigned int i = 0; i < MIN(args->nr_pids, nr_pids); i++)
		pids[i] = 1000 + i;
	args->nr_pids = nr_pids;
	return 0;
}

static int fake_region_open(struct tracker_region_open *args)
{
	if (args->region != 1)
		return fail(ENOENT);
	args->fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *args;

	va_start(list, request);
	args = va_arg(list, void *);
	va_end(list);
	switch (request) {
	case TRACKER_IOC_INFO:
		((struct tracker_info *)args)->abi_version =
			getenv("FAKE_ABI") ? 1000 : TRACKER_ABI_VERSION;
		return 0;
	case TRACKER_IOC_SESSION_OPEN:
		return fake_open(args);
	case TRACKER_IOC_STATUS:
	case TRACKER_IOC_SESSION_STATUS:
		return fake_status(args);
	case TRACKER_IOC_LAYOUT:
		return has_ended(fd) ? fail(ESRCH) : fake_layout(args);
	case TRACKER_IOC_SWAP:
		return fake_swap(args);
	case TRACKER_IOC_REVERT:
		((struct tracker_revert *)args)->nr_vmas = 3;
		((struct tracker_revert *)args)->nr_pages = 4;
		return 0;
	case TRACKER_IOC_HARVEST:
		return has_ended(fd) ? fail(ESRCH) : fake_harvest(args);
	case TRACKER_IOC_COMMIT:
	case TRACKER_IOC_ABORT:
		return fake_end_harvest(args);
	case TRACKER_IOC_RESIDENT:
		return has_ended(fd) ? fail(ESRCH) : fake_resident(args);
	case TRACKER_IOC_SHARERS:
		return fake_sharers(args);
	case TRACKER_IOC_STRAYS:
		((struct tracker_strays *)args)->nr_strays = 0;
		return 0;
	case TRACKER_IOC_REGION_OPEN:
		return fake_region_open(args);
	default:
		return syscall(SYS_ioctl, fd, request, args);
	}
}
