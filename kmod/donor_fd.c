// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of a session are donors, and a file to read those from: a target
 * may write its page at any time, and then it is no longer the donor's content.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "tree.h"

/* ---- the file ----------------------------------------------------------- */

static int tracker_donor_fd_release(struct inode *inode, struct file *file)
{
	struct xarray *pages = file->private_data;
	unsigned long id;
	struct page *page;

	xa_for_each(pages, id, page)
		put_page(page);
	xa_destroy(pages);
	kfree(pages);
	return 0;
}

/* Donor N is at offset N * PAGE_SIZE. */
static ssize_t tracker_donor_fd_read_iter(struct kiocb *iocb,
					  struct iov_iter *to)
{
	struct xarray *pages = iocb->ki_filp->private_data;
	ssize_t done = 0;
	struct page *page;
	size_t len, copied;

	while (iov_iter_count(to)) {
		page = xa_load(pages, iocb->ki_pos >> PAGE_SHIFT);
		if (!page)
			break;
		len = min_t(size_t, iov_iter_count(to),
			    PAGE_SIZE - offset_in_page(iocb->ki_pos));
		copied = copy_page_to_iter(page, offset_in_page(iocb->ki_pos),
					   len, to);
		iocb->ki_pos += copied;
		done += copied;
		if (copied < len)
			return done ? done : -EFAULT;
		cond_resched();
	}
	return done;
}

static const struct file_operations tracker_donor_fops = {
	.owner = THIS_MODULE,
	.read_iter = tracker_donor_fd_read_iter,
	.llseek = noop_llseek,
	.release = tracker_donor_fd_release,
};

static struct file *tracker_donor_file_create(void)
{
	struct xarray *pages = kmalloc(sizeof(*pages), GFP_KERNEL);
	struct file *file;

	if (!pages)
		return ERR_PTR(-ENOMEM);
	xa_init(pages);
	file = anon_inode_getfile("[tracker-donors]", &tracker_donor_fops,
				  pages, O_RDONLY);
	if (IS_ERR(file))
		kfree(pages);
	else
		file->f_mode |= FMODE_PREAD;
	return file;
}

/* ---- the list ----------------------------------------------------------- */

struct tracker_donor_list {
	struct tracker_session *session;
	struct xarray *pages;
	struct tracker_donor_run run;	/* that is being built */
	struct tracker_donor_run __user *out;
	u32 max_runs;
	u32 nr_runs;
};

static int tracker_donor_list_flush(struct tracker_donor_list *list)
{
	if (!list->run.nr_pages)
		return 0;
	if (copy_to_user(&list->out[list->nr_runs], &list->run,
			 sizeof(list->run)))
		return -EFAULT;
	list->nr_runs++;
	list->run.nr_pages = 0;
	return 0;
}

static int tracker_donor_list_add(struct tracker_donor_list *list, u32 region,
				  u64 page, u64 id)
{
	struct tracker_donor_run *run = &list->run;
	int err;

	if (run->nr_pages && run->region == region &&
	    run->page + run->nr_pages == page &&
	    run->id + run->nr_pages == id) {
		run->nr_pages++;
		return 0;
	}
	err = tracker_donor_list_flush(list);
	*run = (struct tracker_donor_run){ page, id, region, 1 };
	return err;
}

/* Return: 1 if the page is a donor and listed, 0 if not, or -errno. */
static int tracker_donor_list_page(struct tracker_donor_list *list,
				   struct tracker_region *region, u64 page)
{
	pgoff_t pgoff = region->base + page;
	struct page *donor, *old;

	if (!tracker_donor_is_due(list->session, pgoff))
		return 0;
	donor = tracker_donor_find(list->session, pgoff);
	if (IS_ERR_OR_NULL(donor))
		return PTR_ERR_OR_ZERO(donor);
	old = xa_store(list->pages, page_private(donor), donor, GFP_KERNEL);
	if (old)
		put_page(donor);
	if (xa_is_err(old))
		return xa_err(old);
	return tracker_donor_list_add(list, region->id, page,
				      page_private(donor));
}

/* Return: 0 with *page behind the run or where there is no more room. */
static int tracker_donor_list_run(struct tracker_donor_list *list,
				  const struct tracker_run *run, u64 *page)
{
	struct tracker_region *region =
		xa_load(&list->session->region_ids, run->region);
	u64 end = run->page + run->nr_pages;
	int err = 0;

	if (!region || end < run->page || end > region->nr_pages)
		return -EINVAL;
	if (region->share)
		*page = end;
	for (; *page < end && !err; ++*page) {
		/* One is being built, and this page may begin another. */
		if (list->nr_runs + 2 > list->max_runs)
			return 0;
		err = tracker_donor_list_page(list, region, *page);
		if (fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	return err;
}

static int tracker_donor_list_runs(struct tracker_donor_list *list,
				   struct tracker_donors *args)
{
	struct tracker_run __user *runs = u64_to_user_ptr(args->runs_addr);
	struct tracker_run run;
	u64 page;
	int err;

	for (; args->next_run < args->nr_runs; args->next_run++) {
		if (copy_from_user(&run, &runs[args->next_run], sizeof(run)))
			return -EFAULT;
		page = run.page + args->next_page;
		err = tracker_donor_list_run(list, &run, &page);
		if (err)
			return err;
		args->next_page = page - run.page;
		if (args->next_page < run.nr_pages)
			break;
		args->next_page = 0;
	}
	return tracker_donor_list_flush(list);
}

/* TRACKER_IOC_DONORS. Caller holds session->lock. */
long tracker_ioctl_donors(struct tracker_session *session,
			  struct tracker_donors __user *argp)
{
	struct tracker_donor_list list = { .session = session };
	struct tracker_donors args;
	struct file *file;
	int fd, err;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || args.nr_donors < 2 || args.next_run > args.nr_runs ||
	    memchr_inv(args.__reserved, 0, sizeof(args.__reserved)))
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = tracker_donor_file_create();
	err = PTR_ERR_OR_ZERO(file);
	if (err)
		goto err_put_fd;
	list.pages = file->private_data;
	list.out = u64_to_user_ptr(args.donors_addr);
	list.max_runs = args.nr_donors;
	err = tracker_donor_list_runs(&list, &args);
	args.nr_donors = list.nr_runs;
	args.fd = fd;
	if (!err && copy_to_user(argp, &args, sizeof(args)))
		err = -EFAULT;
	if (err)
		goto err_put_file;
	fd_install(fd, file);
	return 0;

err_put_file:
	fput(file);
err_put_fd:
	put_unused_fd(fd);
	return err;
}
