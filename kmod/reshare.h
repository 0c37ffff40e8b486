/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_RESHARE_H
#define TRACKER_RESHARE_H

/* Donors become anonymous pages again that several targets share. */

#include "tree.h"

/* Mappings that are relatives: all of them know the first one's anon_vma. */
struct tracker_lineage {
	struct list_head node;		/* tree->lineages */
	struct mm_struct *mm;		/* mmgrab() */
	unsigned long addr;		/* in the first mapping */
	struct anon_vma *anon_vma;	/* for identity only */
};

/* The anonymous page that a donor has become. */
struct tracker_back {
	struct page *donor;		/* counted: its frame is the key */
	struct page *page;		/* counted */
	struct tracker_lineage *lineage;
	struct mm_struct *mm;		/* mmgrab(): where the page is mapped */
	unsigned long addr;
};

/* A mapping that is being put back. Caller holds tree->revert_lock. */
struct tracker_reshare {
	struct tracker_session *session;
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	pgoff_t pgoff;			/* of the pseudo-file, at @start */
	struct tracker_lineage *lineage;
};

int tracker_reshare_init(void);
void tracker_reshare_begin(struct tracker_reshare *reshare);
bool tracker_reshare_page(struct tracker_reshare *reshare, struct page *donor,
			  unsigned long addr);
void tracker_reshare_add(struct tracker_reshare *reshare, struct page *donor,
			 struct page *page, unsigned long addr);
void tracker_reshare_end(struct tracker_tree *tree);

int tracker_reshare_page_init(void);
bool tracker_lock_both(struct mm_struct *from, struct mm_struct *to);
void tracker_unlock_both(struct mm_struct *from, struct mm_struct *to);
struct vm_area_struct *tracker_vma_at(struct mm_struct *mm, unsigned long addr);
struct tracker_back *tracker_back_of(struct tracker_tree *tree,
				     struct page *donor);
bool tracker_page_is_donor(struct page *page);

#endif /* TRACKER_RESHARE_H */
