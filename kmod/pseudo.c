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
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include "session.h"

static atomic_t tracker_nr_files = ATOMIC_INIT(0);

bool tracker_is_active(void)
{
	return atomic_read(&tracker_nr_files) != 0;
}

/* Filled once from shmem's, under tracker_sessions_lock. */
static struct file_operations tracker_target_fops;
static struct file_operations tracker_child_fops;
static struct file_operations tracker_reflag_fops;
static const struct file_operations *tracker_shmem_fops;

/* Caller holds mmap_lock and has checked tracker_vma_is_target(). */
struct tracker_session *tracker_vma_session(const struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

static int tracker_target_mmap(struct file *file, struct vm_area_struct *vma)
{
	int err = tracker_shmem_fops->mmap(file, vma);

	if (err)
		return err;
	tracker_vma_make_target(vma);
	return 0;
}

/* The target's last VMA is gone: exit, exec, or the end of a revert. */
static int tracker_target_release(struct inode *inode, struct file *file)
{
	struct tracker_session *session = file->private_data;

	tracker_session_detach(session);
	mutex_lock(&tracker_sessions_lock);
	session->file = NULL;
	__tracker_session_end(session);
	mutex_unlock(&tracker_sessions_lock);
	atomic_dec(&tracker_nr_files);
	tracker_session_put(session);
	return 0;
}

/* Where a target's mapping is made anew with other flags. */
struct tracker_reflag {
	struct file *file;		/* the session's, counted */
	vm_flags_t flags;
};

static int tracker_reflag_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct tracker_reflag *reflag = file->private_data;
	int err = tracker_target_mmap(file, vma);

	if (err)
		return err;
	vma_set_file(vma, reflag->file);
	vm_flags_set(vma, reflag->flags);
	return 0;
}

static int tracker_reflag_release(struct inode *inode, struct file *file)
{
	struct tracker_reflag *reflag = file->private_data;

	atomic_dec(&tracker_nr_files);
	fput(reflag->file);
	kfree(reflag);
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
	tracker_reflag_fops = (struct file_operations){
		.owner = THIS_MODULE,
		.mmap = tracker_reflag_mmap,
		.fsync = noop_fsync,
		.release = tracker_reflag_release,
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
	/* It says ENOSPC where there is no memory for the inode. */
	if (IS_ERR(file))
		return ERR_PTR(-ENOMEM);
	tracker_pseudo_init_fops(file->f_op);
	tracker_pseudo_adopt(file, &tracker_target_fops,
			     tracker_session_get(session));
	session->inode = file_inode(file);
	/*
	 * Shmem makes huge pages, whatever the administrator wants, only of
	 * regular files: here they would fill holes that are not zeros.
	 */
	session->inode->i_mode &= ~S_IFMT;
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
struct file *tracker_pseudo_create_child(struct tracker_session *session,
					 struct mm_struct *child_mm)
{
	struct tracker_snapshot *snapshot;
	const struct cred *creds;
	struct file *file;

	snapshot = tracker_snapshot_create(session, child_mm);
	if (!snapshot)
		return ERR_PTR(-ENOMEM);
	/* The limit on open files is not for those that nobody has opened. */
	creds = override_creds(session->file->f_cred);
	file = dentry_open(&session->file->f_path, O_RDWR | O_LARGEFILE,
			   session->file->f_cred);
	revert_creds(creds);
	if (IS_ERR(file)) {
		tracker_snapshot_destroy(snapshot);
		return file;
	}
	tracker_pseudo_adopt(file, &tracker_child_fops, snapshot);
	return file;
}

/**
 * tracker_pseudo_create_reflag - a file that maps as the session's with flags
 * @session_file: the session's file
 * @flags: VM_* to set; no mapping that is there is merged into what is mapped
 *
 * Return: the file or an ERR_PTR.
 */
struct file *tracker_pseudo_create_reflag(struct file *session_file,
					  vm_flags_t flags)
{
	struct tracker_reflag *reflag = kmalloc(sizeof(*reflag), GFP_KERNEL);
	struct file *file;

	if (!reflag)
		return ERR_PTR(-ENOMEM);
	file = dentry_open(&session_file->f_path, O_RDWR | O_LARGEFILE,
			   session_file->f_cred);
	if (IS_ERR(file)) {
		kfree(reflag);
		return file;
	}
	reflag->file = get_file(session_file);
	reflag->flags = flags;
	tracker_pseudo_adopt(file, &tracker_reflag_fops, reflag);
	return file;
}
