/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of shares need of each other, and the hooks of them. */
#ifndef TRACKER_SHARE_H
#define TRACKER_SHARE_H

#include "tracker.h"

bool tracker_shares_exist(void);
struct tracker_share *tracker_share_find(struct address_space *mapping);
struct tracker_share *tracker_share_get(struct address_space *mapping);
void tracker_share_put(struct tracker_share *share);
void tracker_share_complete(struct tracker_region *region);

/* The log. */
void tracker_share_log(struct address_space *mapping, struct folio *folio,
		       pgoff_t index);
void tracker_share_changed(void *owner);
void tracker_share_written(struct file *file);
void tracker_share_protect(struct tracker_region *region);
int tracker_share_see(struct tracker_region *region);
void tracker_share_absorb(struct tracker_share *share, pgoff_t index,
			  pgoff_t end);

/* Mappers. */
int tracker_share_wrap(struct tracker_share *share);
int tracker_share_wrap_own(struct tracker_share *share);
bool tracker_share_is_wrapped(struct tracker_share *share);
bool tracker_share_unwrap(struct tracker_share *share);
int tracker_vma_wrap(struct vm_area_struct *vma);
int tracker_vma_unwrap(struct vm_area_struct *vma);

/* After system calls. */
void tracker_share_adopt(struct mm_struct *mm, unsigned long start,
			 unsigned long end);
void tracker_share_adopt_new(struct mm_struct *mm);
void tracker_share_adopt_file(struct address_space *mapping, pgoff_t index,
			      pgoff_t nr_pages);
bool tracker_share_shmdt(struct mm_struct *mm, unsigned long addr);

#endif /* TRACKER_SHARE_H */
