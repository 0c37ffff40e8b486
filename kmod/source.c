// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sources: the files behind private file mappings. The pseudo-file has a page
 * where the target has written, and only there. What it only reads are copies
 * of the file's pages, in no page cache (a page of the file's own would not be
 * found here when the file is truncated), and dropped when the file changes.
 */
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "source.h"
#include "tree.h"

static pgoff_t tracker_source_end(struct tracker_source *source)
{
	return DIV_ROUND_UP(i_size_read(tracker_source_inode(source)),
			    PAGE_SIZE);
}

/* Where a private mapping would raise SIGBUS. */
bool tracker_source_is_past_end(struct tracker_source *source, pgoff_t pgoff)
{
	return tracker_source_index(source, pgoff) >= tracker_source_end(source);
}

/* ---- pages of the target's own ------------------------------------------ */

/* What is behind the end of the file goes. Caller holds tracker_watch_lock. */
static void tracker_source_cut(struct tracker_source *source, pgoff_t start,
			       pgoff_t end)
{
	if (source->session)
		tracker_drop(source->session, start, end);
	else
		shmem_truncate_range(source->pseudo->host,
				     (loff_t)start << PAGE_SHIFT,
				     ((loff_t)end << PAGE_SHIFT) - 1);
}

/*
 * Gives the pseudo-file a page, with the file's content. It is logged although
 * the write is yet to come: a reader may see the page before its content is in.
 * Caller holds fill_lock.
 *
 * Return: 0, -EAGAIN if the file has changed meanwhile, or another -errno.
 */
static int __tracker_source_fill(struct tracker_source *source,
				 struct tracker_session *session, pgoff_t pgoff)
{
	int generation = atomic_read(&source->generation);
	struct page *from, *to;

	if (xa_load(&source->pseudo->i_pages, pgoff))
		return 0;
	from = tracker_copy_get(source, pgoff);
	if (!from)
		from = tracker_source_copy(source, pgoff);
	if (IS_ERR(from))
		return PTR_ERR(from);
	to = shmem_read_mapping_page_gfp(source->pseudo, pgoff, GFP_HIGHUSER);
	if (!IS_ERR(to)) {
		lock_page(to);
		copy_highpage(to, from);
		set_page_dirty(to);
		unlock_page(to);
		put_page(to);
		if (tracker_log_add(&session->log, pgoff))
			tracker_log_overflow(&session->log);
		tracker_copy_drop(source, pgoff);
	}
	put_page(from);
	if (IS_ERR(to))
		return PTR_ERR(to);
	smp_mb(); /* the page is there before the number is looked at again */
	if (atomic_read(&source->generation) == generation)
		return 0;
	/*
	 * It may have been cut off here, and have grown again since. Beside a
	 * donor the page does not count, and the donor has to stay.
	 */
	if (!tracker_donor_is_set(session, pgoff))
		tracker_drop(session, pgoff, pgoff + 1);
	return -EAGAIN;
}

/**
 * tracker_source_fill - the target is about to write a page that is the file's
 * @source: the file
 * @session: the target's session
 * @pgoff: page of the pseudo-file
 *
 * Return: 0 or -errno. If the target has been killed or the file has changed
 * meanwhile, nothing is done: the write is to start again.
 */
int tracker_source_fill(struct tracker_source *source,
			struct tracker_session *session, pgoff_t pgoff)
{
	int err;

	if (mutex_lock_killable(&source->fill_lock))
		return 0;
	err = __tracker_source_fill(source, session, pgoff);
	mutex_unlock(&source->fill_lock);
	return err == -EAGAIN ? 0 : err;
}

/**
 * tracker_source_fault - fault in a private file mapping
 * @source: the file
 * @session: the target's session, or NULL in a forked child
 * @vmf: the fault
 *
 * A child never makes a page: its write faults copy what it is given here.
 *
 * Return: as ->fault; mostly VM_FAULT_LOCKED.
 */
vm_fault_t tracker_source_fault(struct tracker_source *source,
				struct tracker_session *session,
				struct vm_fault *vmf)
{
	vm_fault_t ret = 0;
	bool exists;
	int err = 0;

	if (tracker_source_is_past_end(source, vmf->pgoff))
		return VM_FAULT_SIGBUS;
	if (mutex_lock_killable(&source->fill_lock))
		return VM_FAULT_NOPAGE;
	exists = xa_load(&source->pseudo->i_pages, vmf->pgoff);
	if (!exists && session && vmf->flags & FAULT_FLAG_WRITE) {
		err = __tracker_source_fill(source, session, vmf->pgoff);
		exists = !err;
	}
	if (err)
		ret = err == -EAGAIN ? VM_FAULT_NOPAGE : vmf_error(err);
	else if (exists)
		ret = tracker_shmem_fault(vmf);
	else
		ret = tracker_copy_fault(source, vmf);
	mutex_unlock(&source->fill_lock);
	/* Who truncates the file waits for the lock and unmaps the page then. */
	if (ret & VM_FAULT_LOCKED &&
	    tracker_source_is_past_end(source, vmf->pgoff)) {
		unlock_page(vmf->page);
		put_page(vmf->page);
		tracker_watch_block();
		tracker_source_cut(source, vmf->pgoff, vmf->pgoff + 1);
		tracker_watch_unblock();
		return VM_FAULT_SIGBUS;
	}
	return ret;
}

/*
 * While pages are dropped that the target has asked to forget, no fault may find
 * one and then make another, of zeros. (Of pages behind the end of the file, a
 * fault finds out by itself.)
 */
void tracker_source_lock(struct tracker_source *source)
{
	mutex_lock(&source->fill_lock);
}

void tracker_source_unlock(struct tracker_source *source)
{
	mutex_unlock(&source->fill_lock);
}

/* ---- life --------------------------------------------------------------- */

/*
 * The file has changed. Pages that are only read show that, and behind a new
 * end the target's own are gone as well.
 */
static void tracker_source_changed(void *owner)
{
	struct tracker_source *source = owner;
	pgoff_t end = tracker_source_end(source);
	pgoff_t from = source->base +
		       (end > source->index ? end - source->index : 0);
	pgoff_t to = source->base + source->nr_pages;

	/* A copy is either stored by now, or its maker sees the new number. */
	xa_lock(&source->copies);
	atomic_inc(&source->generation);
	xa_unlock(&source->copies);
	tracker_copies_drop(source);
	if (from < to)
		tracker_source_cut(source, from, to);
}

static void tracker_source_free(struct tracker_source *source)
{
	if (!IS_ERR_OR_NULL(source->watch))
		tracker_watch_destroy(source->watch);
	tracker_copies_drop(source);
	xa_destroy(&source->copies);
	iput(source->pseudo->host);
	fput(source->file);
	kfree(source);
}

static unsigned long tracker_source_block(pgoff_t pgoff)
{
	return pgoff >> TRACKER_REGION_SHIFT;
}

struct tracker_source *tracker_source_lookup(struct tracker_family *family,
					     pgoff_t pgoff)
{
	return xa_load(&family->sources, tracker_source_block(pgoff));
}

static int tracker_source_store(struct tracker_family *family,
				struct tracker_source *source)
{
	unsigned long first = tracker_source_block(source->base);
	unsigned long last = tracker_source_block(source->base +
						  source->nr_pages - 1);
	unsigned long block;
	int err = 0;

	for (block = first; block <= last && !err; block++)
		err = xa_err(xa_store(&family->sources, block, source,
				      GFP_KERNEL));
	if (err)
		for (block = first; block <= last; block++)
			xa_erase(&family->sources, block);
	return err;
}

/**
 * tracker_source_create - put a file behind a block of the pseudo-file
 * @session: the session; the block maps nothing yet
 * @file: the file
 * @base: first page of the block
 * @nr_pages: size of the block
 * @index: the file's page behind @base
 *
 * Return: 0 or -errno.
 */
int tracker_source_create(struct tracker_session *session, struct file *file,
			  pgoff_t base, pgoff_t nr_pages, pgoff_t index)
{
	struct tracker_source *source = kzalloc(sizeof(*source), GFP_KERNEL);
	int err;

	if (!source)
		return -ENOMEM;
	source->session = session;
	ihold(session->inode);
	source->pseudo = session->inode->i_mapping;
	source->file = get_file(file);
	source->base = base;
	source->nr_pages = nr_pages;
	source->index = index;
	mutex_init(&source->fill_lock);
	xa_init(&source->copies);
	source->watch = tracker_watch_create(tracker_source_inode(source),
					     tracker_source_changed, source);
	err = PTR_ERR_OR_ZERO(source->watch);
	if (!err)
		err = tracker_source_store(session->family, source);
	if (err)
		tracker_source_free(source);
	return err;
}

/**
 * tracker_sources_drop - give up files that are mapped no more
 * @family: a family without forked children
 * @start: first page of the pseudo-file of which nothing is mapped
 * @end: page after the last one
 *
 * The caller holds the target's mmap_lock, so that it stays so.
 */
void tracker_sources_drop(struct tracker_family *family, pgoff_t start,
			  pgoff_t end)
{
	struct tracker_source *source;
	unsigned long block;

	xa_for_each_range(&family->sources, block, source,
			  tracker_source_block(start),
			  tracker_source_block(end - 1)) {
		if (source->base < start || source->base + source->nr_pages > end)
			continue;
		xa_erase(&family->sources, block);
		if (block == tracker_source_block(source->base +
						  source->nr_pages - 1))
			tracker_source_free(source);
	}
}

/* The session is over; children may still need the sources. */
void tracker_sources_orphan(struct tracker_session *session)
{
	struct tracker_source *source;
	unsigned long block;

	tracker_watch_block();
	xa_for_each(&session->family->sources, block, source)
		source->session = NULL;
	tracker_watch_unblock();
}

/* Nobody maps the pseudo-file any more. */
void tracker_sources_destroy(struct tracker_family *family)
{
	struct tracker_source *source;
	unsigned long block;

	xa_for_each(&family->sources, block, source)
		if (block == tracker_source_block(source->base +
						  source->nr_pages - 1))
			tracker_source_free(source);
	xa_destroy(&family->sources);
}
