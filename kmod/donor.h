/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_DONOR_H
#define TRACKER_DONOR_H

/* What the files about donors have among themselves. */

#include "tree.h"

static inline bool tracker_has_page(struct tracker_session *session, pgoff_t pgoff)
{
	return xa_load(&session->inode->i_mapping->i_pages, pgoff);
}

static inline bool tracker_inherits(struct tracker_session *session, pgoff_t pgoff)
{
	return session->origin && mtree_load(&session->inherited, pgoff);
}

static inline struct tracker_snapshot *
tracker_origin(struct tracker_session *session)
{
	return session->origin->private_data;
}

struct page *__tracker_donor_find(struct tracker_session *session,
				  pgoff_t pgoff);
void __tracker_donor_drop(struct tracker_session *session, pgoff_t pgoff);
pgoff_t tracker_donor_next(struct tracker_session *session, pgoff_t start,
			   pgoff_t end);

#endif /* TRACKER_DONOR_H */
