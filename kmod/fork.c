// SPDX-License-Identifier: GPL-2.0-only
/* What happens to tracked mappings when their process forks. */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/rmap.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/task_work.h>

#include "tree.h"

/*
 * dup_mmap() takes its reference on the child's vm_file after ->open, so the
 * first one must last until fork() is over.
 */
struct tracker_fork_end {
	struct callback_head work;
	struct tracker_session *session;
	struct file *file;
};

static void tracker_fork_end(struct callback_head *work)
{
	struct tracker_fork_end *end =
		container_of(work, struct tracker_fork_end, work);
	struct tracker_session *session = end->session;

	/* Another thread of the target may be in its own fork by now. */
	spin_lock(&session->fork_lock);
	if (session->fork_file == end->file)
		session->fork_file = NULL;
	spin_unlock(&session->fork_lock);
	fput(end->file);
	tracker_session_put(session);
	kfree(end);
}

/* Return: the file that an earlier VMA of this fork has got, or NULL. */
static struct file *tracker_fork_current(struct tracker_session *session,
					 struct mm_struct *child_mm)
{
	struct tracker_snapshot *snapshot;
	struct file *file;

	spin_lock(&session->fork_lock);
	file = session->fork_file;
	if (file) {
		snapshot = file->private_data;
		if (snapshot->mm != child_mm)
			file = NULL;
	}
	spin_unlock(&session->fork_lock);
	return file;
}

/*
 * Pages in the log may be writable: protect them, so that the parent's next
 * write saves them first. Those that the kernel may write without a fault are
 * saved now. Caller holds the parent's mmap_lock for writing.
 */
static void tracker_fork_protect_page(struct tracker_session *session,
				      pgoff_t pgoff)
{
	struct folio *folio;

	folio = tracker_filemap_lock(session->inode->i_mapping, pgoff);
	if (!folio)
		return;
	if (folio_mkclean(folio))
		folio_mark_dirty(folio);
	/* Beside a donor, a page does not count. */
	if (!tracker_donor_is_set(session, pgoff) &&
	    tracker_folio_may_be_pinned(folio, 1))
		tracker_family_save(session->family, folio, pgoff,
				    GFP_KERNEL | __GFP_NOFAIL);
	folio_unlock(folio);
	folio_put(folio);
}

/*
 * A harvest that is under way has moved entries to pending and may not have
 * protected their pages yet: the folio lock waits for it.
 */
static void tracker_fork_protect_chunk(struct tracker_session *session,
				       struct tracker_chunk *chunk,
				       pgoff_t start, pgoff_t end)
{
	unsigned int first = start > chunk->base ? start - chunk->base : 0;
	unsigned int last = min_t(pgoff_t, end - chunk->base,
				  TRACKER_CHUNK_PAGES);
	DECLARE_BITMAP(bits, TRACKER_CHUNK_PAGES);
	unsigned int bit = first;

	bitmap_copy(bits, chunk->dirty, TRACKER_CHUNK_PAGES);
	smp_rmb(); /* a harvest sets the one before it clears the other */
	bitmap_or(bits, bits, chunk->pending, TRACKER_CHUNK_PAGES);
	for_each_set_bit_from(bit, bits, last)
		tracker_fork_protect_page(session, chunk->base + bit);
}

/* Some page is in no chunk: protect all there are. */
static void tracker_fork_protect_all(struct tracker_session *session,
				     pgoff_t start, pgoff_t end)
{
	struct xarray *pages = &session->inode->i_mapping->i_pages;
	unsigned long index = start;

	for (; xa_find(pages, &index, end - 1, XA_PRESENT); index++) {
		tracker_fork_protect_page(session, index);
		if (index == end - 1)
			break;
	}
}

static void tracker_fork_protect_vma(struct tracker_session *session,
				     struct vm_area_struct *vma)
{
	pgoff_t end = vma->vm_pgoff + vma_pages(vma);
	struct tracker_chunk *chunk;
	unsigned long index;

	if (READ_ONCE(session->log.has_unlogged))
		return tracker_fork_protect_all(session, vma->vm_pgoff, end);
	xa_for_each_range(&session->log.chunks, index, chunk,
			  vma->vm_pgoff >> TRACKER_CHUNK_SHIFT,
			  (end - 1) >> TRACKER_CHUNK_SHIFT)
		tracker_fork_protect_chunk(session, chunk, vma->vm_pgoff, end);
}

/*
 * The child is to have its parent's memory of one moment. On 6.12 faults need no
 * mmap_lock: where dup_mmap() has not come to a mapping yet, a write to one page
 * would be saved for the child, and a later one to another page be the child's.
 */
static void tracker_fork_hold_vmas(struct tracker_session *session)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, session->mm, 0);

	for_each_vma(vmi, vma)
		if (tracker_vma_is_target(vma))
			vma_start_write(vma);
}

/* Return: the child's file, borrowed, or NULL: the parent has been killed. */
static struct file *tracker_fork_file(struct tracker_session *session,
				      struct mm_struct *child_mm)
{
	struct file *file = tracker_fork_current(session, child_mm);
	struct tracker_fork_end *end;

	if (file)
		return file;
	tracker_fork_hold_vmas(session);
	/* No fault is under way now that has looked at this before. */
	WRITE_ONCE(session->is_related, true);
	/* There is no way to make the fork fail, so this must not. */
	end = kmalloc(sizeof(*end), GFP_KERNEL | __GFP_NOFAIL);
	file = tracker_pseudo_create_child(session, child_mm);
	while (IS_ERR(file) && !fatal_signal_pending(current)) {
		msleep(1);
		file = tracker_pseudo_create_child(session, child_mm);
	}
	if (IS_ERR(file))
		goto err_free_end;
	end->file = file;
	end->session = tracker_session_get(session);
	init_task_work(&end->work, tracker_fork_end);
	if (task_work_add(current, &end->work, TWA_RESUME))
		goto err_put_file;
	spin_lock(&session->fork_lock);
	session->fork_file = file;
	spin_unlock(&session->fork_lock);
	return file;

err_put_file:
	tracker_session_put(session);
	fput(file);
err_free_end:
	kfree(end);
	return NULL;
}

/* MADV_WIPEONFORK: the child has nothing of its parent's, but plain memory. */
static void tracker_fork_wipe(struct vm_area_struct *vma)
{
	vma->vm_file = NULL;
	vma->vm_ops = NULL;
#ifdef CONFIG_ANON_VMA_NAME
	/* On 6.1, in the place of a file mapping's tree node. */
	vma->anon_name = NULL;
#endif
	vma->vm_pgoff = vma->vm_start >> PAGE_SHIFT;
}

/*
 * A VMA of the pseudo-file came into being: a split or an mremap() of the
 * target's, which changes nothing for us, or a fork. dup_mmap() calls this with
 * both mmap_locks held for writing, before it takes a reference on vm_file,
 * links the VMA into the file's interval tree and copies page tables (it copies
 * none: the parent's VMA is shared).
 */
void tracker_target_open(struct vm_area_struct *vma)
{
	struct tracker_session *session = vma->vm_file->private_data;
	struct file *file;

	if (vma->vm_mm == session->mm)
		return;
	vm_flags_clear(vma, VM_SHARED | VM_MAYSHARE);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	/* dup_mmap() copied the sum, where shared mappings do not count. */
	if (vma->vm_flags & VM_WRITE)
		vma->vm_mm->data_vm += vma_pages(vma);
	if (vma->vm_flags & VM_WIPEONFORK) {
		tracker_fork_wipe(vma);
		return;
	}
	file = tracker_fork_file(session, vma->vm_mm);
	tracker_vma_make_child(vma, file);
	if (file)
		tracker_fork_protect_vma(session, vma);
}

