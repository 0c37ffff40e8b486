/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_TRACKER_H
#define _UAPI_LINUX_TRACKER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: tracker ABI
 *
 * /dev/tracker is the device. TRACKER_IOC_SESSION_OPEN on it returns a session
 * fd, TRACKER_IOC_REGION_OPEN on that a region fd. A session belongs to the
 * address space (mm) of its target, not to the fd: closing the fd leaves the
 * session running, and its uncommitted harvest goes back into the dirty log.
 *
 * Every structure has a fixed layout on every word size. Fields named
 * __reserved must be zero; unknown flags are refused. Page numbers count 4 KiB
 * pages. Ranges are half-open: [start, end).
 *
 * Errors shared by all calls:
 *
 *   ENOTTY   unknown call
 *   EFAULT   a user pointer cannot be read or written
 *   EINVAL   unknown flag, reserved field not zero, range not page-aligned
 *   EPERM    CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE (or CAP_SYS_ADMIN) in
 *            the initial user namespace are missing
 *   ESRCH    no such process, or the target has exited or called exec
 *   ENOMEM   the kernel is out of memory; the target keeps its data
 *   EINTR    a signal came before the call began; nothing was done
 */

#define TRACKER_ABI_VERSION	5
#define TRACKER_PAGE_SHIFT	12

/**
 * enum tracker_kind - what a mapping is, or was before the swap
 * @TRACKER_KIND_ANON_PRIVATE: malloc, stacks, MAP_PRIVATE|MAP_ANONYMOUS
 * @TRACKER_KIND_FILE_PRIVATE: MAP_PRIVATE of a file: .data, libraries
 * @TRACKER_KIND_ANON_SHARED: MAP_SHARED memory that no file system keeps: shm,
 *	memfd, MAP_SHARED|MAP_ANONYMOUS, SysV, any file on a tmpfs, and files
 *	that have been deleted
 * @TRACKER_KIND_FILE_SHARED: MAP_SHARED of a file
 * @TRACKER_KIND_SPECIAL: vdso, vvar, devices, secret memory, DAX: nothing that
 *	the module or a reader of /proc/PID/mem can follow
 */
enum tracker_kind {
	TRACKER_KIND_ANON_PRIVATE = 0,
	TRACKER_KIND_FILE_PRIVATE = 1,
	TRACKER_KIND_ANON_SHARED = 2,
	TRACKER_KIND_FILE_SHARED = 3,
	TRACKER_KIND_SPECIAL = 4,
};

/**
 * enum tracker_vma_state - what the module does with a mapping
 * @TRACKER_VMA_TRACKED: swapped; @region and @region_page of the entry are valid
 * @TRACKER_VMA_SWAPPABLE: TRACKER_IOC_SWAP takes it
 * @TRACKER_VMA_READONLY: not writable now, so there is nothing to track. Shared
 *	memory of kind ANON_SHARED is tracked all the same: others may write it
 * @TRACKER_VMA_KIND: writable, of a kind that the module does not swap (AIO
 *	rings, a forked child's part of its parent's memory)
 * @TRACKER_VMA_STACK: writable, the growing end of a stack, too small to swap
 * @TRACKER_VMA_SPECIAL_FLAGS: writable, with flags the module cannot keep:
 *	userfaultfd, shadow stack
 * @TRACKER_VMA_HUGE: writable, too large for one region's block
 * @TRACKER_VMA_HUGETLB: writable, huge pages that were reserved
 * @TRACKER_VMA_SEALED: writable, mseal()ed: nothing can replace it
 */
enum tracker_vma_state {
	TRACKER_VMA_TRACKED = 0,
	TRACKER_VMA_SWAPPABLE = 1,
	TRACKER_VMA_READONLY = 2,
	TRACKER_VMA_KIND = 3,
	TRACKER_VMA_STACK = 4,
	TRACKER_VMA_SPECIAL_FLAGS = 5,
	TRACKER_VMA_HUGE = 6,
	TRACKER_VMA_HUGETLB = 7,
	TRACKER_VMA_SEALED = 8,
};

/**
 * struct tracker_info - TRACKER_IOC_INFO: which module is loaded
 * @abi_version: out: TRACKER_ABI_VERSION of the module
 * @nr_sessions: out: live sessions
 * @__reserved: must be 0
 */
struct tracker_info {
	__u32 abi_version;
	__u32 nr_sessions;
	__u64 __reserved[3];
};
#define TRACKER_IOC_INFO	_IOWR('T', 0x00, struct tracker_info)

/* tracker_session_open.flags: create a session where there is none */
#define TRACKER_SESSION_CREATE		(1U << 0)
/* ... and fail with EEXIST where there is one */
#define TRACKER_SESSION_EXCLUSIVE	(1U << 1)

/* A new session is put into the tree of that of tree_fd */
#define TRACKER_SESSION_TREE		(1U << 2)

/**
 * struct tracker_session_open - TRACKER_IOC_SESSION_OPEN: control a session
 * @pid: in: the target, in the caller's pid namespace
 * @flags: in: TRACKER_SESSION_*
 * @fd: out: session fd, close-on-exec
 * @created: out: 1 if this call made the session
 * @holder: out: with EBUSY, the pid of the controller that holds the session
 * @tree_fd: in: with TRACKER_SESSION_TREE, a session fd of the caller's
 * @__reserved: must be 0
 *
 * Page frames that several targets of one tree have are kept in common, if all
 * are swapped before the first harvest of one of them. A forked child of a
 * target is in its parent's tree, and begins with its parent's pages: only what
 * is different is copied by the swap and in the first harvest.
 *
 * A session has one controller at a time. What the last one harvested and did
 * not commit is back in the log when this returns. An error in the middle of a
 * harvest has put all of it back.
 *
 * ENOENT: not tracked, and TRACKER_SESSION_CREATE is not set.
 * EEXIST: tracked already, and TRACKER_SESSION_EXCLUSIVE is set.
 * EBUSY: another controller holds it, see @holder.
 * EBADF: @tree_fd is no session fd.
 * EINVAL: the target is a kernel thread.
 * EOPNOTSUPP: the target is a 32-bit process.
 */
struct tracker_session_open {
	__s32 pid;
	__u32 flags;
	__s32 fd;
	__u32 created;
	__s32 holder;
	__s32 tree_fd;
	__u32 __reserved[2];
};
#define TRACKER_IOC_SESSION_OPEN _IOWR('T', 0x01, struct tracker_session_open)

/**
 * struct tracker_session_status - a session's state
 * @pid: in (device call): the target, or 0 for the first session after @after;
 *	out: the target's pid in the caller's namespace, 0 if it has none
 * @holder: out: pid of the controller that holds the session, 0 if none
 * @after: in (device call with @pid 0): list cursor, 0 to start; out: cursor
 * @id: out: random 128-bit id, new for each session
 * @epoch: out: number of harvests begun
 * @committed: out: epoch of the last commit. Images whose last round has an
 *	epoch from @committed to @epoch can be continued with a delta.
 * @nr_regions: out
 * @nr_dirty: out: pages in the dirty log; about, as far as they are shared
 * @nr_pending: out: pages harvested but not committed
 * @nr_chunks: out: log chunks allocated (each covers 512 pages)
 * @log_bytes: out: memory the dirty log occupies; that of a shared file counts
 *	for each session that tracks it
 * @backing_pages: out: pages that the pseudo-file holds, without swapped ones
 * @nr_snapshots: out: forked children whose memory depends on this session
 * @overflow: out: 1 if the log could not grow: the next harvest says so too, of
 *	what is shared the next one that is not private
 * @origin: out: @id of the session of which the target was a forked child when
 *	it was opened; regions that both have are the same; 0 if there is none
 * @tree: out: the same for sessions whose targets are forked from one another, or
 *	were opened as one tree
 * @__reserved: must be 0
 *
 * As TRACKER_IOC_STATUS on the device: ENOENT when there is no (further)
 * session. As TRACKER_IOC_SESSION_STATUS on a session fd: @pid and @after are
 * not read.
 */
struct tracker_session_status {
	__s32 pid;
	__s32 holder;
	__u64 after;
	__u8 id[16];
	__u64 epoch;
	__u64 committed;
	__u64 nr_regions;
	__u64 nr_dirty;
	__u64 nr_pending;
	__u64 nr_chunks;
	__u64 log_bytes;
	__u64 backing_pages;
	__u32 nr_snapshots;
	__u32 overflow;
	__u8 origin[16];
	__u64 tree;
	__u64 __reserved;
};
#define TRACKER_IOC_STATUS	_IOWR('T', 0x02, struct tracker_session_status)
#define TRACKER_IOC_SESSION_STATUS _IOWR('T', 0x10, struct tracker_session_status)

/* VM_* in portable form, tracker_vma.flags */
#define TRACKER_PROT_READ	(1U << 0)
#define TRACKER_PROT_WRITE	(1U << 1)
#define TRACKER_PROT_EXEC	(1U << 2)

/**
 * struct tracker_vma - one entry of the layout
 * @start: first byte
 * @end: byte after the last one
 * @region_page: page number inside the region that @start maps (tracked only)
 * @region: region id, 0 = none
 * @prot: TRACKER_PROT_*
 * @kind: enum tracker_kind; for a tracked mapping the original kind
 * @state: enum tracker_vma_state
 * @file: a hash of the file that an untracked mapping shows and of the offset in
 *	it, 0 without a file: two layouts differ where another file is mapped
 */
struct tracker_vma {
	__u64 start;
	__u64 end;
	__u64 region_page;
	__u32 region;
	__u32 prot;
	__u16 kind;
	__u16 state;
	__u32 file;
};

/**
 * struct tracker_layout - TRACKER_IOC_LAYOUT: every mapping of the target
 * @vmas_addr: in: array of struct tracker_vma
 * @nr_vmas: in: its length; out: entries the target has (may be larger: call
 *	again with room for them; the array then holds a prefix)
 * @flags: in: must be 0
 * @__reserved: must be 0
 *
 * Cost: one walk over the VMAs under mmap_lock held for reading. Pages of the
 * pseudo-file that the target has unmapped since are given back here.
 */
struct tracker_layout {
	__aligned_u64 vmas_addr;
	__u32 nr_vmas;
	__u32 flags;
	__u64 __reserved[2];
};
#define TRACKER_IOC_LAYOUT	_IOWR('T', 0x11, struct tracker_layout)

/**
 * struct tracker_range - part of the target's address space
 * @start: in: page-aligned address
 * @end: in: page-aligned address
 */
struct tracker_range {
	__u64 start;
	__u64 end;
};

/**
 * struct tracker_swap - TRACKER_IOC_SWAP: track mappings
 * @ranges_addr: in: array of struct tracker_range, each inside one mapping
 *	whose layout state is TRACKER_VMA_SWAPPABLE
 * @nr_ranges: in: its length
 * @nr_done: out: ranges swapped, in order; the rest are as they were
 * @nr_pages: out: pages copied into the pseudo-file; all are in the dirty log
 * @busy_tid: out: with EBUSY, a thread on the target's mm that is not stopped,
 *	in the caller's pid namespace
 * @flags: in: TRACKER_SWAP_*
 * @__reserved: must be 0
 *
 * Private mappings are replaced by the pseudo-file. Every thread of every
 * process on the mm must be held in a ptrace stop by the calling thread. Holes,
 * pages of zeros and pages of a file that the target has not written are
 * neither read in nor allocated. Of a stack, the lowest page stays as it is.
 *
 * Shared mappings stay where they are, and nothing is copied: from now on the
 * module sees the writes of every process that maps the same file, whatever
 * part of it. With TRACKER_SWAP_SHARED all ranges have to be of shared
 * mappings, and the target need not be stopped.
 *
 * EBUSY: a thread is not held, see @busy_tid (0 if it has no pid in the
 *	caller's namespace); nothing was changed.
 * EAGAIN: range @nr_done has pages that are pinned for DMA (io_uring buffers,
 *	direct I/O under way): what pinned them would write to memory that is no
 *	longer mapped. A part of the range may be swapped.
 * EINVAL: range @nr_done is not (or no longer) swappable.
 */
#define TRACKER_SWAP_SHARED	(1U << 0)

struct tracker_swap {
	__aligned_u64 ranges_addr;
	__u32 nr_ranges;
	__u32 nr_done;
	__u64 nr_pages;
	__s32 busy_tid;
	__u32 flags;
	__u64 __reserved[2];
};
#define TRACKER_IOC_SWAP	_IOWR('T', 0x12, struct tracker_swap)

/**
 * struct tracker_revert - TRACKER_IOC_REVERT: put every original mapping back
 * @nr_vmas: out: mappings put back
 * @nr_pages: out: pages copied
 * @busy_tid: out: as in struct tracker_swap
 * @flags: in: must be 0
 * @__reserved: must be 0
 *
 * The target must be held as for TRACKER_IOC_SWAP.
 *
 * EBUSY: a thread is not held, see @busy_tid; nothing was changed.
 * EAGAIN: pages are pinned for DMA, and still were after a second.
 *
 * On success the session is over: it is no longer found by pid, and the fd is
 * only good for reading regions and closing. On an error the mappings not yet
 * put back stay tracked, and the call can be repeated.
 */
struct tracker_revert {
	__u64 nr_vmas;
	__u64 nr_pages;
	__s32 busy_tid;
	__u32 flags;
	__u64 __reserved[2];
};
#define TRACKER_IOC_REVERT	_IOWR('T', 0x13, struct tracker_revert)

/**
 * struct tracker_run - consecutive pages of one region
 * @page: first page number inside the region
 * @region: region id
 * @nr_pages: length, at least 1
 */
struct tracker_run {
	__u64 page;
	__u32 region;
	__u32 nr_pages;
};

/* tracker_harvest.flags: go on with a harvest whose buffer was too small */
#define TRACKER_HARVEST_CONTINUE	(1U << 0)
/*
 * ... do not report pages of shared memory. Those are in the harvest of every
 * session that tracks it: several targets that are dumped together need them
 * once. What harvests of others have reported up to now is harvested all the
 * same, and forgotten by the commit: the one harvest that reports has to be taken
 * after the others, and stored before those are committed. What that one reports
 * the others still have for their next time.
 */
#define TRACKER_HARVEST_PRIVATE		(1U << 1)

/**
 * struct tracker_harvest - TRACKER_IOC_HARVEST: take the dirty log
 * @runs_addr: in: array of struct tracker_run
 * @nr_runs: in: its length, at least 258; out: runs written, in no order
 * @flags: in: TRACKER_HARVEST_*
 * @epoch: out: the epoch that this harvest began
 * @nr_pages: out: pages in the runs
 * @nr_pinned: out: pages that something in the kernel may write without a
 *	fault (direct I/O), or keeps locked (a FUSE server that does not answer):
 *	they are reported and stay in the log
 * @more: out: 1 if the log has more: call again with
 *	TRACKER_HARVEST_CONTINUE, nothing else in between
 * @overflow: out: 1 if the log lost count since the last harvest began: every
 *	page of every region has to be taken for dirty
 * @nr_rescans: out: regions of shared memory of which every page is reported,
 *	because a system call (write, truncate, fallocate, ...) has changed the
 *	file since the last harvest; the same number in every part
 * @__reserved: must be 0
 *
 * A page written before the call is in this epoch or an older uncommitted one;
 * one written during it is in this one or the next. The content is to be read
 * after the call has returned. Cost: O(dirty pages).
 *
 * The pages stay known as harvested until TRACKER_IOC_COMMIT; a new harvest
 * (without CONTINUE), TRACKER_IOC_ABORT or closing the fd puts them back.
 */
struct tracker_harvest {
	__aligned_u64 runs_addr;
	__u32 nr_runs;
	__u32 flags;
	__u64 epoch;
	__u64 nr_pages;
	__u64 nr_pinned;
	__u32 more;
	__u32 overflow;
	__u64 nr_rescans;
	__u64 __reserved[1];
};
#define TRACKER_IOC_HARVEST	_IOWR('T', 0x14, struct tracker_harvest)

/**
 * struct tracker_epoch - TRACKER_IOC_COMMIT, TRACKER_IOC_ABORT
 * @epoch: in: the harvest's epoch
 * @__reserved: must be 0
 *
 * Commit: the harvested pages are stored, forget them. Abort: they are not,
 * put them back into the log.
 *
 * ESTALE: @epoch is not that of the last harvest, or it was put back since.
 */
struct tracker_epoch {
	__u64 epoch;
	__u64 __reserved[3];
};
#define TRACKER_IOC_COMMIT	_IOW('T', 0x15, struct tracker_epoch)
#define TRACKER_IOC_ABORT	_IOW('T', 0x16, struct tracker_epoch)

/**
 * struct tracker_region_open - TRACKER_IOC_REGION_OPEN: read a region's pages
 * @region: in: region id
 * @flags: in: must be 0
 * @fd: out: read-only fd, close-on-exec. Offset 0 is the region's page 0;
 *	holes read as zeros and are not allocated; lseek knows SEEK_DATA and
 *	SEEK_HOLE. 0 bytes are read behind the region's block.
 * @__reserved: must be 0
 *
 * ENOENT: no such region, or one of a shared file that the target maps no more.
 */
struct tracker_region_open {
	__u32 region;
	__u32 flags;
	__s32 fd;
	__u32 __reserved[5];
};
#define TRACKER_IOC_REGION_OPEN	_IOWR('T', 0x17, struct tracker_region_open)

/* tracker_resident_run.flags */
#define TRACKER_RESIDENT_ANON	(1U << 0)	/* the process' own copy, or swapped out */

/**
 * struct tracker_resident_run - consecutive pages that have a page table entry
 * @start: address of the first page
 * @nr_pages: length
 * @flags: TRACKER_RESIDENT_*; without ANON the page is a file's page cache
 */
struct tracker_resident_run {
	__u64 start;
	__u32 nr_pages;
	__u32 flags;
};

/**
 * struct tracker_resident - TRACKER_IOC_RESIDENT: pages that exist in a range
 * @start: in: page-aligned address; out: where to go on
 * @end: in: page-aligned address; equal to @start on return when all is done
 * @runs_addr: in: array of struct tracker_resident_run
 * @nr_runs: in: its length, at least 1; out: runs written, by address
 * @flags: in: must be 0
 * @__reserved: must be 0
 *
 * For mappings that are not tracked. Empty parts cost one step per page table
 * level (2 MiB, 1 GiB, 512 GiB), not one per page. The shared zero page is not
 * reported.
 */
struct tracker_resident {
	__u64 start;
	__u64 end;
	__aligned_u64 runs_addr;
	__u32 nr_runs;
	__u32 flags;
	__u64 __reserved[2];
};
#define TRACKER_IOC_RESIDENT	_IOWR('T', 0x18, struct tracker_resident)

/**
 * struct tracker_sharers - TRACKER_IOC_SHARERS: who else maps a shared mapping
 * @start: in: an address in a shared mapping of the target
 * @pids_addr: in: array of __s32
 * @nr_pids: in: its length; out: processes found (may be larger: call again
 *	with room for them; the array then holds some)
 * @flags: in: must be 0
 * @__reserved: must be 0
 *
 * Processes that share the target's mm are the target. A pid is 0 if the
 * process has none in the caller's namespace. Cost: the mappings of the file.
 *
 * EINVAL: no shared mapping is there.
 */
struct tracker_sharers {
	__u64 start;
	__aligned_u64 pids_addr;
	__u32 nr_pids;
	__u32 flags;
	__u64 __reserved[2];
};
#define TRACKER_IOC_SHARERS	_IOWR('T', 0x19, struct tracker_sharers)

/**
 * struct tracker_stray - a forked child that nobody tracks
 * @pid: 0 while it is being born, or without one in the caller's namespace
 * @__reserved: 0
 * @origin: @id of the session whose target's memory it has
 */
struct tracker_stray {
	__s32 pid;
	__u32 __reserved;
	__u8 origin[16];
};

/**
 * struct tracker_strays - TRACKER_IOC_STRAYS: forked children that nobody tracks
 * @strays_addr: in: array of struct tracker_stray
 * @nr_strays: in: its length; out: how many there are (may be larger: call again
 *	with room for them; the array then holds some)
 * @flags: in: must be 0
 * @__reserved: must be 0
 *
 * Processes without a session that have private memory of a target of the
 * session's tree, as it was at a fork; of a target that has ended, too. However
 * procfs looks meanwhile, none that is there all the time is missing. One with
 * memory of several targets is there for each; those of one origin without a pid
 * are one. Not among them: who has called exec, children of a process while that
 * is not tracked, sessions without a controller.
 *
 * As TRACKER_IOC_SESSION_STATUS, it answers after the session's end. Cost: the
 * mappings of the tree's targets and of their children.
 */
struct tracker_strays {
	__aligned_u64 strays_addr;
	__u32 nr_strays;
	__u32 flags;
	__u64 __reserved[2];
};
#define TRACKER_IOC_STRAYS	_IOWR('T', 0x1b, struct tracker_strays)

/**
 * struct tracker_donor_run - consecutive pages that are donors
 * @page: first page number inside the region
 * @id: number of the first page's donor; the others' follow it
 * @region: region id
 * @nr_pages: length, at least 1
 */
struct tracker_donor_run {
	__u64 page;
	__u64 id;
	__u32 region;
	__u32 nr_pages;
};

/**
 * struct tracker_donors - TRACKER_IOC_DONORS: which pages targets have in common
 * @runs_addr: in: array of struct tracker_run, as from a harvest
 * @nr_runs: in: its length
 * @next_run: in: 0 to start; out: where to go on; @nr_runs when all is done
 * @next_page: in: 0 to start; out: pages of that run that are done
 * @donors_addr: in: array of struct tracker_donor_run
 * @nr_donors: in: its length, at least 2; out: runs written
 * @fd: out: read-only fd, close-on-exec. The page of donor N is at offset
 *	N * 4096, for the donors listed by this call
 * @flags: in: must be 0
 * @__reserved: must be 0
 *
 * A donor is a page that several targets of a tree may have. Its content never
 * changes, and its number, below 2^51, is never another one's: two pages with
 * one number are one page. Pages that are not listed are the target's own. A
 * target's page may stop being a donor at any time, by a write, which the dirty
 * log then has.
 *
 * EINVAL: a run is not inside a region.
 */
struct tracker_donors {
	__aligned_u64 runs_addr;
	__u32 nr_runs;
	__u32 next_run;
	__u32 next_page;
	__u32 nr_donors;
	__aligned_u64 donors_addr;
	__s32 fd;
	__u32 flags;
	__u64 __reserved[2];
};
#define TRACKER_IOC_DONORS	_IOWR('T', 0x1a, struct tracker_donors)

#endif /* _UAPI_LINUX_TRACKER_H */
