// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pseudo-file: one unlinked shmem file per session, in which every region
 * has a block. The target maps it MAP_SHARED; vm_ops with a page_mkwrite make
 * the kernel keep clean pages write-protected and tell us of first writes
 * (see fs/ and drivers/video/fbdev/core/fb_defio.c for the pattern).
 *
 * There is no ->close: VMAs with one cannot be merged again after mprotect()
 * has split them. Lifetimes hang on the struct file instead, of which each VMA
 * holds a reference: the file of the target's own VMAs stands for the session,
 * and each forked child gets a file of its own (same inode) that stands for its
 * snapshot.
 */
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/rmap.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/task_work.h>

#include "tracker.h"

static atomic_t tracker_nr_files = ATOMIC_INIT(0);

bool tracker_is_active(void)
{
	return atomic_read(&tracker_nr_files) != 0;
}

/* Filled once from shmem's, under tracker_sessions_lock. */
static struct file_operations tracker_target_fops;
static struct file_operations tracker_child_fops;
static const struct file_operations *tracker_shmem_fops;
static vm_fault_t (*tracker_shmem_fault)(struct vm_fault *vmf);

/**
 * tracker_folio_may_be_pinned - may the kernel write this page without a fault?
 * @folio: locked, with no writable page table entry
 * @own_refs: references that the caller holds
 *
 * folio_maybe_dma_pinned() is not enough: up to 6.4 direct I/O takes plain
 * references, and ptrace always does. So any reference that is not accounted
 * for counts. A page not yet on the LRU has one more, by the per-CPU batch that
 * will put it there. Transient references give a false "yes", which costs one
 * page more in the next round.
 */
bool tracker_folio_may_be_pinned(struct folio *folio, int own_refs)
{
	int expected = own_refs;
	bool is_on_lru = folio_test_lru(folio);
	int mapcount;

	/* Which reference is whose cannot be told: so every round, then. */
	if (folio_test_large(folio))
		return true;
	mapcount = atomic_read(&folio->_mapcount) + 1;
	expected += mapcount + 1 + !!folio_test_private(folio) + !is_on_lru;
	smp_rmb(); /* mapcount before refcount: unmapping lowers them in turn */
	if (folio_ref_count(folio) > expected)
		return true;
	smp_rmb(); /* both were right while the references were counted */
	return atomic_read(&folio->_mapcount) + 1 != mapcount ||
	       folio_test_lru(folio) != is_on_lru;
}

/*
 * Before the first write after a fork, children must have the old content: in
 * the snapshot, and no longer through a page table entry to the live page.
 */
static vm_fault_t tracker_save_for_children(struct tracker_session *session,
					    struct vm_fault *vmf,
					    struct folio *folio)
{
	int own = pte_present(vmf->orig_pte) ? 1 : 0;
	pgoff_t pgoff;

	for (pgoff = folio->index; pgoff < folio->index + folio_nr_pages(folio);
	     pgoff++)
		if (tracker_family_save(session->family, folio, pgoff,
					GFP_KERNEL) < 0)
			return VM_FAULT_OOM;
	/*
	 * Also where it was saved before: a child may have mapped the page in
	 * between. If our own entry goes, the fault starts again without one.
	 */
	if (folio_test_large(folio) || atomic_read(&folio->_mapcount) + 1 > own)
		unmap_mapping_range(folio->mapping, folio_pos(folio),
				    folio_size(folio), 0);
	return 0;
}

/*
 * The kernel may map all of a large folio after one page_mkwrite. Only
 * administrators and MADV_COLLAPSE make such folios.
 */
static bool tracker_log_large(struct tracker_session *session,
			      struct folio *folio)
{
	pgoff_t pgoff = folio->index;
	pgoff_t end = pgoff + folio_nr_pages(folio);

	for (; pgoff < end; pgoff++)
		if (tracker_log_add(&session->log, pgoff))
			return false;
	return true;
}

static vm_fault_t tracker_target_page_mkwrite(struct vm_fault *vmf)
{
	struct tracker_session *session = vmf->vma->vm_file->private_data;
	struct folio *folio = page_folio(vmf->page);
	struct tracker_chunk *chunk;
	vm_fault_t ret;

	chunk = tracker_log_chunk(&session->log, vmf->pgoff);
	folio_lock(folio);
	if (folio->mapping != session->inode->i_mapping) {
		folio_unlock(folio);
		return VM_FAULT_NOPAGE;
	}
	if (tracker_family_has_snapshots(session->family)) {
		ret = tracker_save_for_children(session, vmf, folio);
		if (ret) {
			folio_unlock(folio);
			return ret;
		}
	}
	if (chunk)
		tracker_log_set(&session->log, chunk, vmf->pgoff);
	if (!chunk || (folio_test_large(folio) &&
		       !tracker_log_large(session, folio)))
		tracker_log_overflow(&session->log);
	folio_mark_dirty(folio);
	/*
	 * The caller unlocks the page after it has made the PTE writable and
	 * dirty. Re-arm takes the lock too, so it either sees that PTE, or runs
	 * before us and our log entry stays.
	 */
	return VM_FAULT_LOCKED;
}

static vm_fault_t tracker_target_fault(struct vm_fault *vmf)
{
	return tracker_shmem_fault(vmf);
}

static void tracker_target_open(struct vm_area_struct *vma);

static const struct vm_operations_struct tracker_target_vm_ops = {
	.open = tracker_target_open,
	.fault = tracker_target_fault,
	TRACKER_MAP_PAGES
	.page_mkwrite = tracker_target_page_mkwrite,
};

/* A large folio would be mapped as a whole. Return: the copy or NULL. */
static struct page *tracker_child_copy(struct page *live)
{
	struct page *copy = alloc_page(GFP_HIGHUSER | __GFP_ACCOUNT);

	if (!copy)
		return NULL;
	copy_highpage(copy, live);
	__SetPageUptodate(copy);
	return copy;
}

static vm_fault_t tracker_child_fault(struct vm_fault *vmf)
{
	struct tracker_snapshot *snapshot = vmf->vma->vm_file->private_data;
	struct page *page = tracker_snapshot_lookup(snapshot, vmf->pgoff);
	bool is_large;
	vm_fault_t ret;

	if (page) {
		vmf->page = page;
		return 0;
	}
	ret = tracker_shmem_fault(vmf);
	if (!(ret & VM_FAULT_LOCKED))
		return ret;
	/*
	 * The parent saves a page under its lock, which we hold now: look again.
	 * Without a saved copy the live page is still as it was at the fork, and
	 * the parent will unmap it from here before it writes.
	 */
	page = tracker_snapshot_lookup(snapshot, vmf->pgoff);
	is_large = PageCompound(vmf->page);
	if (!page && !is_large)
		return ret;
	if (!page)
		page = tracker_child_copy(vmf->page);
	unlock_page(vmf->page);
	put_page(vmf->page);
	vmf->page = page;
	return page ? ret & ~VM_FAULT_LOCKED : VM_FAULT_OOM;
}

static const struct vm_operations_struct tracker_child_vm_ops = {
	.fault = tracker_child_fault,
	TRACKER_MAP_PAGES
};

static vm_fault_t tracker_lost_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

/* A child for which there was no memory to make a snapshot: it gets SIGBUS. */
static const struct vm_operations_struct tracker_lost_vm_ops = {
	.fault = tracker_lost_fault,
};

bool tracker_vma_is_target(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &tracker_target_vm_ops;
}

bool tracker_vma_is_child(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &tracker_child_vm_ops;
}

/* Caller holds mmap_lock and has checked tracker_vma_is_target(). */
struct tracker_session *tracker_vma_session(const struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

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
	if (tracker_folio_may_be_pinned(folio, 1))
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
	unsigned int bit;
	pgoff_t pgoff;

	for (bit = 0; bit < TRACKER_CHUNK_PAGES; bit++) {
		pgoff = chunk->base + bit;
		if (pgoff < start || pgoff >= end)
			continue;
		if (test_bit(bit, chunk->dirty) || test_bit(bit, chunk->pending))
			tracker_fork_protect_page(session, pgoff);
	}
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

static struct file *tracker_pseudo_create_child(struct tracker_session *session,
						struct mm_struct *child_mm);

/* Return: the child's file, borrowed, or NULL without memory. */
static struct file *tracker_fork_file(struct tracker_session *session,
				      struct mm_struct *child_mm)
{
	struct file *file = tracker_fork_current(session, child_mm);
	struct tracker_fork_end *end;

	if (file)
		return file;
	end = kmalloc(sizeof(*end), GFP_KERNEL);
	if (!end)
		return NULL;
	file = tracker_pseudo_create_child(session, child_mm);
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

/*
 * A VMA of the pseudo-file came into being: a split or an mremap() of the
 * target's, which changes nothing for us, or a fork. dup_mmap() calls this with
 * both mmap_locks held for writing, before it takes a reference on vm_file,
 * links the VMA into the file's interval tree and copies page tables (it copies
 * none: the parent's VMA is shared).
 */
static void tracker_target_open(struct vm_area_struct *vma)
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

	file = tracker_fork_file(session, vma->vm_mm);
	if (!file) {
		pr_warn_ratelimited("tracker: no memory for the snapshot of a child of pid %d; the child is lost\n",
				    task_tgid_nr(current));
		vma->vm_ops = &tracker_lost_vm_ops;
		return;
	}
	vma->vm_file = file;
	vma->vm_ops = &tracker_child_vm_ops;
	tracker_fork_protect_vma(session, vma);
}

static int tracker_target_mmap(struct file *file, struct vm_area_struct *vma)
{
	int err = tracker_shmem_fops->mmap(file, vma);

	if (err)
		return err;
	/* Published before the first VMA is, and always the same. */
	WRITE_ONCE(tracker_shmem_fault, vma->vm_ops->fault);
	vma->vm_ops = &tracker_target_vm_ops;
	return 0;
}

/* The target's last VMA is gone: exit, exec, or the end of a revert. */
static int tracker_target_release(struct inode *inode, struct file *file)
{
	struct tracker_session *session = file->private_data;

	mutex_lock(&tracker_sessions_lock);
	session->file = NULL;
	list_del_init(&session->node);
	mutex_unlock(&tracker_sessions_lock);
	atomic_dec(&tracker_nr_files);
	tracker_session_put(session);
	return 0;
}

static int tracker_child_mmap(struct file *file, struct vm_area_struct *vma)
{
	return -ENODEV;
}

static int tracker_child_release(struct inode *inode, struct file *file)
{
	atomic_dec(&tracker_nr_files);
	tracker_snapshot_destroy(file->private_data);
	return 0;
}

static void tracker_pseudo_init_fops(const struct file_operations *shmem)
{
	lockdep_assert_held(&tracker_sessions_lock);
	if (tracker_shmem_fops)
		return;
	tracker_target_fops = (struct file_operations){
		.owner = THIS_MODULE,
		.llseek = shmem->llseek,
		.read_iter = shmem->read_iter,
		.mmap = tracker_target_mmap,
		.fsync = noop_fsync,
		.release = tracker_target_release,
	};
	tracker_child_fops = (struct file_operations){
		.owner = THIS_MODULE,
		.mmap = tracker_child_mmap,
		.fsync = noop_fsync,
		.release = tracker_child_release,
	};
	tracker_shmem_fops = shmem;
}

/* The file's f_op->owner reference keeps the module loaded. */
static void tracker_pseudo_adopt(struct file *file,
				 const struct file_operations *fops, void *data)
{
	__module_get(THIS_MODULE);
	replace_fops(file, fops);
	file->private_data = data;
	atomic_inc(&tracker_nr_files);
}

/**
 * tracker_pseudo_create - the pseudo-file of a new session
 * @session: the session; the file takes a reference on it
 *
 * Caller holds tracker_sessions_lock.
 *
 * Return: the file or an ERR_PTR.
 */
struct file *tracker_pseudo_create(struct tracker_session *session)
{
	struct file *file;

	file = shmem_file_setup("tracker", MAX_LFS_FILESIZE, VM_NORESERVE);
	if (IS_ERR(file))
		return file;
	tracker_pseudo_init_fops(file->f_op);
	tracker_pseudo_adopt(file, &tracker_target_fops,
			     tracker_session_get(session));
	session->inode = file_inode(file);
	session->file = file;
	return file;
}

/**
 * tracker_pseudo_create_child - a second file on the pseudo-file's inode
 * @session: the parent's session
 * @child_mm: the child
 *
 * The file stands for a new snapshot, taken now; the child's VMAs will hold it.
 *
 * Return: the file or an ERR_PTR.
 */
static struct file *tracker_pseudo_create_child(struct tracker_session *session,
						struct mm_struct *child_mm)
{
	struct tracker_snapshot *snapshot;
	struct file *file;

	snapshot = tracker_snapshot_create(session->family, child_mm,
					   READ_ONCE(session->next_base));
	if (!snapshot)
		return ERR_PTR(-ENOMEM);
	file = dentry_open(&session->file->f_path, O_RDWR | O_LARGEFILE,
			   session->file->f_cred);
	if (IS_ERR(file)) {
		tracker_snapshot_destroy(snapshot);
		return file;
	}
	tracker_pseudo_adopt(file, &tracker_child_fops, snapshot);
	return file;
}
