/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_SOURCE_H
#define TRACKER_SOURCE_H

/* What is behind a private file mapping. */

#include "tracker.h"

/*
 * The file whose content a block of the pseudo-file shows where the target has
 * not written. Lives as long as the fork family.
 */
struct tracker_source {
	struct tracker_session *session; /* tracker_watch_lock; NULL: it is over */
	struct address_space *pseudo;	/* its inode is counted */
	struct file *file;		/* counted: what the target had mapped */
	pgoff_t base;			/* of the block */
	pgoff_t nr_pages;		/* of the block */
	pgoff_t index;			/* the file's page behind @base */
	struct tracker_watch *watch;
	struct mutex fill_lock;		/* a page comes into being */
	struct xarray copies;		/* pgoff - base -> copy of the file's page */
	atomic_t generation;		/* the file has changed so often */
};

int tracker_source_create(struct tracker_session *session, struct file *file,
			  pgoff_t base, pgoff_t nr_pages, pgoff_t index);
struct tracker_source *tracker_source_lookup(struct tracker_family *family,
					     pgoff_t pgoff);
int tracker_source_fill(struct tracker_source *source,
			struct tracker_session *session, pgoff_t pgoff);
vm_fault_t tracker_source_fault(struct tracker_source *source,
				struct tracker_session *session,
				struct vm_fault *vmf);
void tracker_source_lock(struct tracker_source *source);
void tracker_source_unlock(struct tracker_source *source);
bool tracker_source_is_past_end(struct tracker_source *source, pgoff_t pgoff);
void tracker_sources_drop(struct tracker_family *family, pgoff_t start,
			  pgoff_t end);
void tracker_sources_orphan(struct tracker_session *session);
void tracker_sources_destroy(struct tracker_family *family);

static inline struct inode *tracker_source_inode(struct tracker_source *source)
{
	return source->file->f_mapping->host;
}

static inline pgoff_t tracker_source_index(struct tracker_source *source,
					   pgoff_t pgoff)
{
	return source->index + (pgoff - source->base);
}

struct page *tracker_source_copy(struct tracker_source *source, pgoff_t pgoff);
struct page *tracker_copy_get(struct tracker_source *source, pgoff_t pgoff);
void tracker_copy_drop(struct tracker_source *source, pgoff_t pgoff);
void tracker_copies_drop(struct tracker_source *source);
vm_fault_t tracker_copy_fault(struct tracker_source *source,
			      struct vm_fault *vmf);

#endif /* TRACKER_SOURCE_H */
