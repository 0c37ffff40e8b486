/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_SAVED_H
#define TRACKER_SAVED_H

/* Pages of which forked children have what was there before a write. */

#include "tracker.h"

/* A page as it was before a write. */
struct tracker_saved {
	struct rb_node node;		/* family->saved */
	struct list_head list;		/* snapshot->saved */
	pgoff_t pgoff;
	u64 serial;			/* of the snapshot */
	struct page *page;		/* counted */
};

struct tracker_saved *tracker_saved_create(struct page *page, pgoff_t pgoff,
					   gfp_t gfp);
void tracker_saved_free(struct tracker_saved *saved);
struct tracker_saved *tracker_saved_find(struct tracker_family *family,
					 pgoff_t pgoff, u64 serial);
struct tracker_saved *tracker_saved_at(struct tracker_family *family,
				       pgoff_t pgoff, u64 serial);
void tracker_saved_insert(struct tracker_snapshot *snapshot,
			  struct tracker_saved *new);
void tracker_saved_erase(struct tracker_family *family,
			 struct tracker_saved *saved);

#endif /* TRACKER_SAVED_H */
