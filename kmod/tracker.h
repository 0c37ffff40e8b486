/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_H
#define TRACKER_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <linux/tracker.h>

#include "compat/compat.h"
#include "dirty_log.h"

/*
 * Locks, outermost first:
 *
 *   session->lock		everything a controller does with a session
 *   tracker_sessions_lock	the list of sessions
 *   share->hand_out_lock	handing out the log of a shared file
 *   tracker_shares_lock	which files are shared, wrapping and unwrapping; no
 *				mmap_lock is waited for here
 *   share->lock		the regions of a shared file
 *   tree->revert_lock		what donors become when targets are put back
 *   mmap_lock			(a target's, or the caller's own; another
 *				mapper's is only tried; two: reshare.c)
 *   tree->forks_lock		which targets of a tree have forked; an i_mmap_rwsem
 *				is taken under it
 *   tracker_watch_lock		that what a file's watch belongs to still exists
 *   source->fill_lock		coming into being of pages of a private file mapping
 *   tree->lock			pages that the targets of a tree have in common
 *   folio lock			a page of a pseudo-file, or of a shared file
 *   family->lock		snapshots of a fork family
 *   log->lock			the lists of log chunks
 *
 * session->lock is never taken with an mmap_lock held: a controller's call may
 * fault on its own memory under it.
 */

/* ---- fork families ------------------------------------------------------ */

/* All forks whose content can depend on one pseudo-file. */
struct tracker_family {
	struct kref kref;
	struct rw_semaphore lock;	/* protects what follows, but for sources */
	struct list_head snapshots;	/* oldest first */
	unsigned int nr_snapshots;
	u64 last_serial;		/* of the snapshots */
	struct rb_root saved;		/* by page, then by snapshot; see saved.c */
	struct list_head heirs;		/* sessions of the children, the newest first */
	struct list_head new_heirs;	/* those of which nothing is stored yet */
	struct xarray sources;		/* block of the pseudo-file -> source */

	struct list_head forked_node;	/* tree->forks_lock: tree->forked */
	unsigned int nr_forks;		/* tree->forks_lock */
	struct inode *inode;		/* of the pseudo-file, while there are forks */
};

/* What a forked child sees: its parent's pages at the moment of the fork. */
struct tracker_snapshot {
	struct list_head node;
	struct tracker_family *family;
	struct tracker_session *session; /* counted: the parent's */
	struct mm_struct *mm;		/* mmgrab(): the child, for identity only */
	u64 serial;			/* grows from fork to fork */
	pgoff_t end;			/* the child maps nothing from here on */
	struct list_head saved;		/* family->lock: what was saved in it */
};

struct tracker_family *tracker_family_create(void);
void tracker_family_put(struct tracker_family *family);
int tracker_family_save(struct tracker_family *family, struct folio *folio,
			pgoff_t pgoff, gfp_t gfp);
int tracker_family_keep(struct tracker_family *family, struct page *page,
			pgoff_t pgoff);
bool tracker_family_has_heir(struct tracker_family *family, pgoff_t pgoff);
pgoff_t tracker_family_end(struct tracker_family *family);
bool tracker_family_has_snapshots(struct tracker_family *family);

/* ---- regions ------------------------------------------------------------ */

/*
 * A region owns a block of the pseudo-file that is larger than the mapping, so
 * that mremap() can grow it without running into another region. The block of a
 * shared file has no pages: it only gives the file's pages numbers in the log.
 */
#define TRACKER_REGION_SHIFT	28	/* smallest block: 1 TiB, in pages */
#define TRACKER_REGION_PAGES	(1UL << TRACKER_REGION_SHIFT)
#define TRACKER_MAX_PGOFF	(1UL << (63 - PAGE_SHIFT))

struct tracker_region {
	struct list_head node;
	u32 id;
	u16 kind;
	bool noreserve;
	bool grows_down;
	struct anon_vma_name *name;	/* counted; NULL = none */
	pgoff_t base;			/* first page of the block */
	pgoff_t nr_pages;		/* size of the block */
	struct tracker_session *session;
	struct tracker_share *share;	/* of the shared kinds */
	struct list_head share_node;	/* share->lock */
	int nr_changes;			/* session->lock: of the share, seen so far */
	int nr_others;			/* session->lock: those that others report */
	bool is_mapped;			/* session->lock: seen by this layout */
};

/* ---- sessions ----------------------------------------------------------- */

struct tracker_session {
	struct kref kref;
	struct hlist_node node;		/* tracker_sessions_lock; unhashed = over */
	struct mm_struct *mm;		/* mmgrab() only */
	struct pid *pid;
	u8 id[16];
	unsigned long serial;		/* list cursor of TRACKER_IOC_STATUS */

	/*
	 * The pseudo-file. Not counted: the target's VMAs keep it alive, and
	 * when the last one goes, so does the session.
	 */
	struct file *file;
	struct inode *inode;		/* of @file */
	struct tracker_family *family;
	struct tracker_log log;		/* of private memory */
	struct tracker_log shared;	/* of shared files, see share_log.c */

	/* See donor.c. */
	struct tracker_tree *tree;	/* counted */
	struct file *origin;		/* counted: the fork of the target, or NULL */
	struct list_head heir_node;	/* family->heirs, of the parent's */
	struct list_head new_node;	/* family->new_heirs */
	struct maple_tree inherited;	/* tree->lock: pages that are the parent's */
	struct xarray donors;		/* tree->lock: pgoff -> page */
	bool is_related;		/* never unset: donors and inherited count */
	bool is_new;			/* nothing has been committed yet */

	spinlock_t fork_lock;		/* protects fork_file */
	struct file *fork_file;		/* of the fork that is under way */

	struct mutex lock;		/* protects what follows */
	struct pid *holder;		/* the controller, NULL = none */
	struct maple_tree regions;	/* block of the pseudo-file -> region */
	struct xarray region_ids;	/* id -> region */
	struct xarray shares;		/* struct address_space * -> region */
	u32 last_region;
	unsigned int nr_regions;
	pgoff_t next_base;
	u64 nr_rescans;			/* in the current harvest */
	u64 epoch;
	u64 committed;
	bool harvest_open;		/* pending pages belong to @epoch */
	bool harvest_private;		/* others report what is shared */
	u32 layout_hash;		/* of the tracked pieces, see trim.c */
	struct work_struct trim_work;
};

struct tracker_session *tracker_session_get(struct tracker_session *session);
struct tracker_tree *tracker_session_tree(int fd);
void tracker_session_put(struct tracker_session *session);
void tracker_session_end(struct tracker_session *session);
void tracker_session_detach(struct tracker_session *session);
bool tracker_session_is_over(struct tracker_session *session);
int tracker_session_open(struct tracker_session_open __user *argp);
int tracker_device_status(struct tracker_session_status __user *argp);
void tracker_session_fill_status(struct tracker_session *session,
				 struct tracker_session_status *status);
unsigned int tracker_session_count(void);
bool tracker_caller_is_capable(void);
pid_t tracker_mm_pid(struct mm_struct *mm);

/* What a session fd points to. */
struct tracker_controller {
	struct tracker_session *session;
	struct file *file;		/* counted: the pseudo-file */
};

extern const struct file_operations tracker_session_fops;
long tracker_session_call(struct tracker_controller *controller,
			  unsigned int cmd, void __user *argp);

struct tracker_region *tracker_region_create(struct tracker_session *session,
					     unsigned long nr_pages, u16 kind);
int tracker_region_inherit(struct tracker_session *session,
			   struct tracker_region *parent);
void tracker_region_destroy(struct tracker_session *session,
			    struct tracker_region *region);
void tracker_regions_destroy(struct tracker_session *session);
struct tracker_region *tracker_region_lookup(struct tracker_session *session,
					     pgoff_t pgoff);
int tracker_ioctl_region_open(struct tracker_controller *controller,
			      struct tracker_region_open __user *argp);

/* ---- changes of a file by system calls ---------------------------------- */

int tracker_watches_init(void);
void tracker_watches_exit(void);
struct tracker_watch *tracker_watch_create(struct inode *inode,
					   void (*changed)(void *owner),
					   void *owner);
void tracker_watch_destroy(struct tracker_watch *watch);
void tracker_watch_block(void);
void tracker_watch_unblock(void);

/* ---- the pseudo-file ---------------------------------------------------- */

struct file *tracker_pseudo_create(struct tracker_session *session);
struct file *tracker_pseudo_create_child(struct tracker_session *session,
					 struct mm_struct *child_mm);
struct file *tracker_pseudo_create_reflag(struct file *session_file,
					  vm_flags_t flags);
void tracker_target_open(struct vm_area_struct *vma);
vm_fault_t tracker_shmem_fault(struct vm_fault *vmf);
void tracker_vma_make_target(struct vm_area_struct *vma);
void tracker_vma_make_child(struct vm_area_struct *vma, struct file *file);
bool tracker_vma_is_target(const struct vm_area_struct *vma);
bool tracker_vma_is_child(const struct vm_area_struct *vma);
struct tracker_session *tracker_vma_session(const struct vm_area_struct *vma);
struct tracker_family *tracker_vma_family(const struct vm_area_struct *vma);
struct tracker_snapshot *tracker_snapshot_create(struct tracker_session *session,
						 struct mm_struct *mm);
void tracker_snapshot_destroy(struct tracker_snapshot *snapshot);
struct page *tracker_snapshot_lookup(struct tracker_snapshot *snapshot,
				     pgoff_t pgoff);
pgoff_t tracker_snapshot_next(struct tracker_snapshot *snapshot, pgoff_t start,
			      pgoff_t end);
void tracker_snapshot_log(struct tracker_snapshot *snapshot,
			  struct tracker_session *session, pgoff_t start,
			  pgoff_t end);
void tracker_snapshot_add_heir(struct tracker_snapshot *snapshot,
			       struct tracker_session *session);
void tracker_snapshot_remove_heir(struct tracker_snapshot *snapshot,
				  struct tracker_session *session);
bool tracker_folio_may_be_pinned(struct folio *folio, int own_refs);
bool tracker_folio_rearm(struct folio *folio);

/* For copies: the call fails with ENOMEM before the OOM killer is asked. */
#define TRACKER_GFP	(GFP_HIGHUSER | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* True while any pseudo-file exists: the system call hooks have work. */
bool tracker_is_active(void);

/*
 * Swap and revert work piece by piece: so many pages exist twice at most. Holes
 * do not count, so that sparse memory is few pieces.
 */
#define TRACKER_PIECE_PAGES	8192UL

/* ---- operations on a target --------------------------------------------- */

/* How to map something: what vm_mmap() takes, and what it does not. */
struct tracker_map {
	struct file *file;		/* NULL: anonymous memory */
	loff_t offset;
	unsigned long start;
	unsigned long end;
	unsigned long prot;		/* PROT_* */
	unsigned long flags;		/* MAP_* without MAP_FIXED */
	vm_flags_t extra;		/* VM_*, of a stopped target only */
};

/* What vm_mmap() cannot give a mapping at all. Each pointer is counted. */
struct tracker_label {
	struct mempolicy *policy;
	struct anon_vma_name *name;
	vm_flags_t read_flags;		/* of TRACKER_UNMERGED_FLAGS */
};

/*
 * Mappings with different flags are not merged. These, of which madvise() gives
 * a mapping one at most, keep a new one as it is until it has its label.
 */
#define TRACKER_UNMERGED_FLAGS	(VM_SEQ_READ | VM_RAND_READ)

static inline bool tracker_label_is_empty(const struct tracker_label *label)
{
	return !label->policy && !label->name;
}

struct anon_vma_name *tracker_name_get(struct anon_vma_name *name);
void tracker_name_put(struct anon_vma_name *name);
void tracker_label_get(struct tracker_label *label, struct vm_area_struct *vma);
void tracker_label_put(struct tracker_label *label);
void tracker_label_set(struct tracker_label *label, struct mm_struct *mm,
		       unsigned long start, unsigned long end);

int tracker_check_stopped(struct tracker_session *session, s32 *busy_tid);
u16 tracker_vma_kind(struct tracker_session *session,
		     struct vm_area_struct *vma);
unsigned long tracker_vma_prot(const struct vm_area_struct *vma);
vm_flags_t tracker_vma_extra(const struct vm_area_struct *vma);
u16 tracker_vma_state(struct tracker_session *session,
		      struct vm_area_struct *vma);
int tracker_resident_scan(struct vm_area_struct *vma, unsigned long start,
			  unsigned long end,
			  struct tracker_resident_run *runs, u32 max_runs,
			  unsigned long *next);

long tracker_ioctl_layout(struct tracker_session *session,
			  struct tracker_layout __user *argp);
long tracker_ioctl_resident(struct tracker_session *session,
			    struct tracker_resident __user *argp);
long tracker_ioctl_swap(struct tracker_session *session,
			struct tracker_swap __user *argp);
long tracker_ioctl_revert(struct tracker_session *session,
			  struct tracker_revert __user *argp);
long tracker_ioctl_harvest(struct tracker_session *session,
			   struct tracker_harvest __user *argp);
long tracker_ioctl_commit(struct tracker_session *session,
			  struct tracker_epoch __user *argp);
long tracker_ioctl_abort(struct tracker_session *session,
			 struct tracker_epoch __user *argp);
void tracker_harvest_abort(struct tracker_session *session);

void tracker_trim(struct tracker_session *session, struct mm_struct *mm);
void tracker_trim_work(struct work_struct *work);
void tracker_trim_later(struct tracker_session *session);
int tracker_discard(struct tracker_session *session, pgoff_t start, pgoff_t end);
void tracker_drop(struct tracker_session *session, pgoff_t start, pgoff_t end);
int tracker_discard_range(struct mm_struct *mm, unsigned long start,
			  unsigned long end, vm_flags_t forbidden);
int tracker_make_private(struct mm_struct *mm, unsigned long start,
			 unsigned long end);
int tracker_make_child_private(struct mm_struct *mm, unsigned long start,
			       unsigned long end);
int tracker_wipe_on_fork(struct mm_struct *mm, unsigned long start,
			 unsigned long end);
bool tracker_pages_are_free(struct mm_struct *mm, struct vm_area_struct *except,
			    struct tracker_session *session, pgoff_t start,
			    pgoff_t end);
int tracker_discard_grown(struct mm_struct *mm, unsigned long addr,
			  unsigned long old_len, unsigned long new_len);
bool tracker_vma_is_anon_private(const struct vm_area_struct *vma);
bool tracker_range_was_anon(struct mm_struct *mm, unsigned long start,
			    unsigned long end);

int tracker_map_over(struct tracker_map *map);

/* The mappings of a file, by what they show: pieces.c. */
bool tracker_file_is_mapped(struct file *file, struct mm_struct *mm,
			    struct vm_area_struct *except, pgoff_t start,
			    pgoff_t end);

/* For work that its cause cannot wait for. */
extern struct workqueue_struct *tracker_queue;

/* Runs @work with current->mm == @mm, in a kernel thread; returns its result. */
int tracker_run_in_mm(struct mm_struct *mm, int (*work)(void *), void *data);

int tracker_madvise(struct mm_struct *mm, unsigned long start, size_t len,
		    int behavior);
void *tracker_symbol_find(const char *name);
int tracker_hooks_register(void);
void tracker_hooks_unregister(void);

#endif /* TRACKER_H */
