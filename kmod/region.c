// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions, their blocks of the pseudo-file, and region fds, through which a
 * controller reads their pages.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "share.h"
#include "tree.h"

/* Room for mremap() to grow the mapping to four times its size. */
static pgoff_t tracker_region_block(unsigned long nr_pages)
{
	return max(TRACKER_REGION_PAGES, roundup_pow_of_two(max(nr_pages, 1UL) * 4));
}

/* Reserves the given block. */
static struct tracker_region *
tracker_region_create_at(struct tracker_session *session, u32 id, pgoff_t base,
			 pgoff_t nr_pages, u16 kind)
{
	struct tracker_region *region = kzalloc(sizeof(*region), GFP_KERNEL);
	int err;

	if (!region)
		return ERR_PTR(-ENOMEM);
	region->id = id;
	region->kind = kind;
	region->session = session;
	INIT_LIST_HEAD(&region->share_node);
	region->base = base;
	region->nr_pages = nr_pages;
	err = xa_err(xa_store(&session->region_ids, region->id, region,
			      GFP_KERNEL));
	if (err)
		goto err_free;
	err = mtree_insert_range(&session->regions, base, base + nr_pages - 1,
				 region, GFP_KERNEL);
	if (err)
		goto err_erase;
	session->nr_regions++;
	return region;

err_erase:
	xa_erase(&session->region_ids, region->id);
err_free:
	kfree(region);
	return ERR_PTR(err);
}

/**
 * tracker_region_create - reserve a block of the pseudo-file
 * @session: the session, locked
 * @nr_pages: size of the mapping
 * @kind: what the mapping is
 *
 * Return: the region, or an ERR_PTR: -ENOMEM, or -ENOSPC where the pseudo-file
 * has no block that large left.
 */
struct tracker_region *tracker_region_create(struct tracker_session *session,
					     unsigned long nr_pages, u16 kind)
{
	pgoff_t block = tracker_region_block(nr_pages);
	struct tracker_region *region;

	if (block > TRACKER_MAX_PGOFF - session->next_base ||
	    session->last_region == U32_MAX)
		return ERR_PTR(-ENOSPC);
	region = tracker_region_create_at(session, session->last_region + 1,
					  session->next_base, block, kind);
	if (IS_ERR(region))
		return region;
	WRITE_ONCE(session->last_region, region->id);
	session->next_base += block;
	return region;
}

/**
 * tracker_region_inherit - a region as the parent's, with its number and place
 * @session: the child's session, locked
 * @parent: the region
 *
 * Return: 0 or -errno.
 */
int tracker_region_inherit(struct tracker_session *session,
			   struct tracker_region *parent)
{
	struct tracker_region *region;

	if (tracker_region_lookup(session, parent->base))
		return 0;
	region = tracker_region_create_at(session, parent->id, parent->base,
					  parent->nr_pages, parent->kind);
	if (IS_ERR(region))
		return PTR_ERR(region);
	region->noreserve = parent->noreserve;
	region->grows_down = parent->grows_down;
	region->name = tracker_name_get(parent->name);
	return 0;
}

/* For a region that nothing maps and that no harvest has reported. */
void tracker_region_destroy(struct tracker_session *session,
			    struct tracker_region *region)
{
	mtree_erase(&session->regions, region->base);
	xa_erase(&session->region_ids, region->id);
	session->nr_regions--;
	tracker_name_put(region->name);
	kfree(region);
}

void tracker_regions_destroy(struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long id;

	xa_for_each(&session->region_ids, id, region) {
		tracker_name_put(region->name);
		kfree(region);
	}
	xa_destroy(&session->region_ids);
	xa_destroy(&session->shares);
	mtree_destroy(&session->regions);
}

struct tracker_region *tracker_region_lookup(struct tracker_session *session,
					     pgoff_t pgoff)
{
	return mtree_load(&session->regions, pgoff);
}

/* ---- region fds --------------------------------------------------------- */

struct tracker_region_file {
	struct tracker_session *session;
	struct file *file;		/* counted: the pseudo-file or a shared one */
	loff_t base;			/* bytes */
	loff_t size;			/* bytes */
	bool is_share;
};

static int tracker_region_release_fd(struct inode *inode, struct file *file)
{
	struct tracker_region_file *region_file = file->private_data;

	fput(region_file->file);
	tracker_session_put(region_file->session);
	kfree(region_file);
	return 0;
}

/*
 * Straight from the page cache: the file's own read_iter would mark each page
 * accessed and so let a dump decide what the target keeps in memory.
 *
 * Return: bytes copied, 0 if the page is a hole or in swap.
 */
static size_t tracker_region_read_cached(struct tracker_region_file *region_file,
					 loff_t pos, size_t len,
					 struct iov_iter *to)
{
	struct address_space *mapping = region_file->file->f_mapping;
	pgoff_t pgoff = pos >> PAGE_SHIFT;
	struct folio *folio = tracker_filemap_get(mapping, pgoff);
	size_t copied = 0;

	if (!folio)
		return 0;
	if (folio_test_uptodate(folio))
		copied = copy_page_to_iter(folio_file_page(folio, pgoff),
					   offset_in_page(pos), len, to);
	folio_put(folio);
	return copied;
}

/*
 * What the session has in common with others. Return: bytes copied, 0 if the
 * page is not such a one, or -errno.
 */
static ssize_t tracker_region_read_donor(struct tracker_region_file *region_file,
					 loff_t pos, size_t len,
					 struct iov_iter *to)
{
	struct tracker_session *session = region_file->session;
	struct page *page;
	size_t copied;

	if (region_file->is_share ||
	    !tracker_donor_is_due(session, pos >> PAGE_SHIFT))
		return 0;
	page = tracker_donor_find(session, pos >> PAGE_SHIFT);
	if (IS_ERR_OR_NULL(page))
		return PTR_ERR_OR_ZERO(page);
	copied = copy_page_to_iter(page, offset_in_page(pos), len, to);
	put_page(page);
	return copied ? copied : -EFAULT;
}

static ssize_t tracker_region_read_once(struct tracker_region_file *region_file,
					loff_t pos, struct iov_iter *to)
{
	size_t len = min_t(size_t, PAGE_SIZE - offset_in_page(pos),
			   iov_iter_count(to));
	size_t rest = iov_iter_count(to) - len;
	ssize_t ret = tracker_region_read_donor(region_file, pos, len, to);

	if (!ret)
		ret = tracker_region_read_cached(region_file, pos, len, to);
	if (ret)
		return ret;
	iov_iter_truncate(to, len);
	ret = vfs_iter_read(region_file->file, to, &pos, 0);
	/* Behind the end of a shared file. */
	if (ret >= 0 && ret < len)
		ret += iov_iter_zero(len - ret, to);
	iov_iter_reexpand(to, iov_iter_count(to) + rest);
	return ret ? ret : -EFAULT;
}

/* What has become a donor meanwhile may have been read as a hole: once more. */
static ssize_t tracker_region_read_page(struct tracker_region_file *region_file,
					loff_t pos, struct iov_iter *to)
{
	struct tracker_session *session = region_file->session;
	bool was_due = !region_file->is_share &&
		       tracker_donor_is_due(session, pos >> PAGE_SHIFT);
	ssize_t ret = tracker_region_read_once(region_file, pos, to);

	if (ret <= 0 || region_file->is_share || was_due ||
	    !tracker_donor_is_set(session, pos >> PAGE_SHIFT))
		return ret;
	iov_iter_revert(to, ret);
	return tracker_region_read_once(region_file, pos, to);
}

static ssize_t tracker_region_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct tracker_region_file *region_file = iocb->ki_filp->private_data;
	loff_t left = region_file->size - iocb->ki_pos;
	ssize_t done = 0;
	ssize_t ret;

	if (left <= 0)
		return 0;
	iov_iter_truncate(to, left);
	while (iov_iter_count(to)) {
		ret = tracker_region_read_page(region_file,
					       region_file->base + iocb->ki_pos,
					       to);
		if (ret <= 0)
			return done ? done : ret;
		iocb->ki_pos += ret;
		done += ret;
		if (fatal_signal_pending(current))
			return done ? done : -EINTR;
		cond_resched();
	}
	return done;
}

/* What has become a donor, or is inherited, is no hole. */
static loff_t tracker_region_seek_related(struct tracker_region_file *region_file,
					  loff_t offset, int whence)
{
	struct tracker_session *session = region_file->session;
	pgoff_t start = (region_file->base + offset) >> PAGE_SHIFT;
	pgoff_t end = (region_file->base + region_file->size) >> PAGE_SHIFT;
	pgoff_t pgoff = tracker_page_next(session, start, end);
	loff_t found;

	if (whence == SEEK_DATA && pgoff == end)
		return -ENXIO;
	while (whence == SEEK_HOLE && pgoff == start && start < end)
		pgoff = tracker_page_next(session, ++start, end);
	if (whence == SEEK_HOLE)
		pgoff = start;
	found = ((loff_t)pgoff << PAGE_SHIFT) - region_file->base;
	return max(found, offset);
}

static loff_t tracker_region_llseek(struct file *file, loff_t offset, int whence)
{
	struct tracker_region_file *region_file = file->private_data;
	loff_t pos;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return fixed_size_llseek(file, offset, whence,
					 region_file->size);
	if (offset < 0 || offset >= region_file->size)
		return -ENXIO;
	if (!region_file->is_share && READ_ONCE(region_file->session->is_related))
		return tracker_region_seek_related(region_file, offset, whence);
	pos = vfs_llseek(region_file->file, region_file->base + offset, whence);
	if (pos < 0)
		return pos;
	pos -= region_file->base;
	if (pos >= region_file->size)
		return whence == SEEK_DATA ? -ENXIO : region_file->size;
	return pos;
}

static const struct file_operations tracker_region_fops = {
	.owner = THIS_MODULE,
	.read_iter = tracker_region_read_iter,
	.llseek = tracker_region_llseek,
	.release = tracker_region_release_fd,
};

static int tracker_region_install_fd(struct tracker_region_file *region_file)
{
	struct file *file;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	file = anon_inode_getfile("[tracker-region]", &tracker_region_fops,
				  region_file, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->f_mode |= FMODE_PREAD | FMODE_LSEEK;
	fd_install(fd, file);
	return fd;
}

static bool tracker_region_is_detached(const struct tracker_region *region)
{
	return !region->share && (region->kind == TRACKER_KIND_ANON_SHARED ||
				  region->kind == TRACKER_KIND_FILE_SHARED);
}

/* TRACKER_IOC_REGION_OPEN. Caller holds session->lock. */
int tracker_ioctl_region_open(struct tracker_controller *controller,
			      struct tracker_region_open __user *argp)
{
	struct tracker_region_file *region_file;
	struct tracker_region_open args;
	struct tracker_region *region;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	region = xa_load(&controller->session->region_ids, args.region);
	/* A shared file's block has no pages of its own. */
	if (!region || tracker_region_is_detached(region))
		return -ENOENT;
	region_file = kmalloc(sizeof(*region_file), GFP_KERNEL);
	if (!region_file)
		return -ENOMEM;
	region_file->session = tracker_session_get(controller->session);
	region_file->is_share = region->share;
	if (region->share) {
		region_file->file = get_file(region->share->file);
		region_file->base = 0;
	} else {
		region_file->file = get_file(controller->file);
		region_file->base = (loff_t)region->base << PAGE_SHIFT;
	}
	region_file->size = min_t(loff_t, (loff_t)region->nr_pages << PAGE_SHIFT,
				  MAX_LFS_FILESIZE - region_file->base);
	args.fd = tracker_region_install_fd(region_file);
	if (args.fd < 0) {
		fput(region_file->file);
		tracker_session_put(region_file->session);
		kfree(region_file);
		return args.fd;
	}
	return copy_to_user(argp, &args, sizeof(args)) ? -EFAULT : 0;
}
