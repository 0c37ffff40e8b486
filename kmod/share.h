/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that targets map shared. */
#ifndef TRACKER_SHARE_H
#define TRACKER_SHARE_H

#include "tracker.h"

/*
 * Whoever is waited for mostly needs but a moment. Where one has been waited for in
 * vain, others are hardly waited for again for a second: there may be hundreds of
 * harvests while everybody is held.
 */
struct tracker_patience {
	unsigned long lost_until;	/* jiffies */
};

static inline void tracker_patience_init(struct tracker_patience *patience)
{
	patience->lost_until = jiffies;
}

static inline bool tracker_patience_is_lost(struct tracker_patience *patience)
{
	return time_before(jiffies, READ_ONCE(patience->lost_until));
}

static inline void tracker_patience_lose(struct tracker_patience *patience)
{
	if (!tracker_patience_is_lost(patience))
		WRITE_ONCE(patience->lost_until, jiffies + HZ);
}

/*
 * A file that targets map shared. Its mappings stay where they are; those of
 * every process have vm_ops of ours.
 */
struct tracker_share {
	struct kref kref;
	struct hlist_node node;		/* tracker_shares_lock, RCU */
	struct rcu_head rcu;
	struct work_struct unwrap_work;
	struct address_space *mapping;
	struct file *file;		/* counted: opened by us, to read */
	struct tracker_watch *watch;
	struct tracker_log log;		/* by the page in the file */
	struct mutex hand_out_lock;	/* who has taken a part of the log */
	struct mutex lock;		/* protects regions */
	struct list_head regions;
	atomic_t nr_holds;		/* 0: to be unwrapped; see tracker_share_hold() */
	atomic_t nr_changes;		/* by system calls, and by asynchronous I/O */
	atomic_t nr_adopting;		/* somebody is about to say what is in no log */
	struct tracker_patience locks;	/* with who keeps a page locked */
	struct tracker_patience mappers; /* with who cannot be wrapped, or is not done */
	int nr_seen;			/* of the changes, when is_seen was set */
	unsigned int nr_late;		/* tracker_shares_lock: mappings that may have written */
	bool is_seen;			/* the log knows which pages exist */
	bool is_protected;		/* what is not in the log cannot be written */
	bool is_incomplete;		/* ... but for what a mapping has written */
	bool is_over;			/* tracker_shares_lock: no mapping is wrapped */
};

/* A part of a shared file that the caller has just mapped. */
struct tracker_adoption {
	struct address_space *mapping;	/* not kept: only to look it up */
	unsigned long start;		/* address */
	unsigned long end;
};

bool tracker_vma_is_wrapped(const struct vm_area_struct *vma);
struct tracker_region *tracker_share_region(struct tracker_session *session,
					    struct address_space *mapping);
int tracker_share_attach(struct tracker_session *session, struct file *file,
			 u16 kind);
void tracker_share_detach(struct tracker_region *region);
int tracker_share_rescan(struct tracker_region *region, u64 *nr_pinned);
long tracker_ioctl_sharers(struct tracker_session *session,
			   struct tracker_sharers __user *argp);

/* Among the files of shares. */

extern struct mutex tracker_shares_lock;

bool tracker_shares_exist(void);
struct tracker_share *tracker_share_find(struct address_space *mapping);
struct tracker_share *tracker_share_get(struct address_space *mapping);
void tracker_share_put(struct tracker_share *share);
struct tracker_share *tracker_share_hold(struct file *file);
void tracker_share_unhold(struct tracker_share *share);
struct tracker_region *tracker_share_add_region(struct tracker_share *share,
						struct tracker_session *session,
						u16 kind, int nr_changes);
int tracker_share_complete(struct tracker_share *share);

/* The log. */
void tracker_share_log(struct address_space *mapping, struct folio *folio,
		       pgoff_t index);
void tracker_share_log_pages(struct tracker_share *share, pgoff_t index,
			     pgoff_t nr_pages);
void tracker_share_changed(void *owner);
void tracker_share_written(struct file *file);
int tracker_share_protect(struct tracker_share *share);
int tracker_share_see(struct tracker_share *share, int nr_changes);

/* Mappers. */
bool tracker_share_has(struct tracker_share *share,
		       const struct vm_area_struct *vma);
int tracker_share_wrap(struct tracker_share *share);
int tracker_share_wrap_own(struct tracker_share *share,
			   const struct tracker_adoption *own);
bool tracker_share_is_wrapped(struct tracker_share *share);
bool tracker_share_unwrap(struct tracker_share *share);
int tracker_vma_wrap(struct vm_area_struct *vma);
int tracker_vma_unwrap(struct vm_area_struct *vma);
int tracker_vma_nr_unwraps(void);

/* After system calls. */
void tracker_share_adopt(struct mm_struct *mm, unsigned long start,
			 unsigned long end);
void tracker_share_adopt_new(struct mm_struct *mm);
void tracker_share_adopt_file(const struct tracker_adoption *own);
int tracker_share_absorb(struct tracker_share *share,
			 const struct tracker_adoption *own);
bool tracker_share_shmdt(struct mm_struct *mm, unsigned long addr);

#endif /* TRACKER_SHARE_H */
