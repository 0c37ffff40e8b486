/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_TREE_H
#define TRACKER_TREE_H

/* Pages that several targets have. */

#include "tracker.h"

/* Sessions whose targets are forked from one another. */
struct tracker_tree {
	struct kref kref;
	u64 serial;			/* for controllers: no two have the same */
	struct mutex lock;		/* what they have in common */
	bool is_shared;			/* several sessions have been opened for it */
	struct xarray frames;		/* lock: pfn -> what stands for it, see frames.c */

	struct mutex revert_lock;	/* protects what follows, see reshare.c */
	struct xarray backs;		/* pfn of a donor -> what it has become */
	struct list_head lineages;

	struct mutex forks_lock;	/* protects what follows */
	struct list_head forked;	/* families with forks */
};

struct tracker_tree *tracker_tree_create(void);
struct tracker_tree *tracker_tree_get(struct tracker_tree *tree);
void tracker_tree_put(struct tracker_tree *tree);
void tracker_tree_add_fork(struct tracker_session *session);
void tracker_tree_remove_fork(struct tracker_session *session);
long tracker_ioctl_strays(struct tracker_session *session,
			  struct tracker_strays __user *argp);
struct page *tracker_donor_create(struct page *from, gfp_t gfp);
bool tracker_donor_is_due(struct tracker_session *session, pgoff_t pgoff);
bool tracker_donor_is_set(struct tracker_session *session, pgoff_t pgoff);
struct page *tracker_donor_find(struct tracker_session *session, pgoff_t pgoff);
struct page *tracker_donor_offer(struct tracker_session *session, pgoff_t pgoff);
int tracker_donor_fill(struct tracker_session *session, pgoff_t pgoff);
vm_fault_t tracker_donor_fault(struct tracker_session *session,
			       struct vm_fault *vmf);
pgoff_t tracker_page_next(struct tracker_session *session, pgoff_t start,
			  pgoff_t end);
struct page *tracker_page_get(struct tracker_session *session, pgoff_t pgoff);
void __tracker_donors_drop(struct tracker_session *session, pgoff_t start,
			   pgoff_t end);
int __tracker_donors_keep(struct tracker_session *session, pgoff_t start,
			  pgoff_t end);
void tracker_donors_forget(struct tracker_session *session, pgoff_t start,
			   pgoff_t end);
void tracker_donors_destroy(struct tracker_session *session);
int tracker_frame_share(struct tracker_session *session, struct page *page,
			pgoff_t pgoff);
void tracker_frames_forget(struct tracker_tree *tree);

long tracker_ioctl_donors(struct tracker_session *session,
			  struct tracker_donors __user *argp);
struct file *tracker_origin_find(struct mm_struct *mm);
int tracker_origin_adopt(struct tracker_session *session, struct file *origin,
			 struct tracker_tree *tree);
void tracker_origin_id(struct tracker_session *session, u8 *id);
void tracker_origin_release(struct tracker_session *session);
int tracker_origin_inherit(struct tracker_session *session, pgoff_t start,
			   pgoff_t end);
u16 tracker_origin_kind(struct tracker_session *session,
			const struct vm_area_struct *vma);
bool tracker_origin_is_assumed(struct tracker_session *session, pgoff_t pgoff);
bool tracker_vma_is_heir(struct tracker_session *session,
			 const struct vm_area_struct *vma);

#endif /* TRACKER_TREE_H */
