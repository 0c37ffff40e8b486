// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on donors: a read maps the donor, the first write copies it into the
 * pseudo-file of who writes.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/shmem_fs.h>

#include "donor.h"

/*
 * Forgets a donor and takes it out of the session's page tables, and of those
 * of its untracked children, who find it in their snapshot. Who maps a donor
 * holds its lock and has found it here.
 */
void __tracker_donor_drop(struct tracker_session *session, pgoff_t pgoff)
{
	struct page *page = xa_erase(&session->donors, pgoff);

	if (!page)
		return;
	lock_page(page);
	unlock_page(page);
	unmap_mapping_range(session->inode->i_mapping,
			    (loff_t)pgoff << PAGE_SHIFT, PAGE_SIZE, 0);
	put_page(page);
}

/* Caller holds tree->lock. Gives the pseudo-file a page with a donor's content. */
static int __tracker_donor_copy(struct tracker_session *session, pgoff_t pgoff,
				struct page *donor)
{
	struct page *page;
	int err;

	err = tracker_family_keep(session->family, donor, pgoff);
	if (err)
		return err;
	page = shmem_read_mapping_page_gfp(session->inode->i_mapping, pgoff,
					   GFP_HIGHUSER);
	if (IS_ERR(page))
		return PTR_ERR(page);
	lock_page(page);
	copy_highpage(page, donor);
	set_page_dirty(page);
	unlock_page(page);
	put_page(page);
	/* Already now: see __tracker_source_fill(). */
	if (tracker_log_add(&session->log, pgoff))
		tracker_log_overflow(&session->log);
	smp_wmb(); /* the content is there before the donor goes */
	__tracker_donor_drop(session, pgoff);
	return 0;
}

/**
 * tracker_donor_fill - the target is about to write a page that others have
 * @session: the session
 * @pgoff: page of the pseudo-file
 *
 * Return: 1 if the pseudo-file has a page now, 0 if nobody has one, -EINTR if the
 * caller has been killed, or another -errno.
 */
int tracker_donor_fill(struct tracker_session *session, pgoff_t pgoff)
{
	struct page *donor;
	int ret;

	if (mutex_lock_killable(&session->tree->lock))
		return -EINTR;
	donor = __tracker_donor_find(session, pgoff);
	if (IS_ERR(donor)) {
		ret = PTR_ERR(donor);
	} else if (donor) {
		ret = __tracker_donor_copy(session, pgoff, donor);
		put_page(donor);
		if (!ret)
			ret = 1;
	} else {
		ret = tracker_has_page(session, pgoff);
	}
	mutex_unlock(&session->tree->lock);
	return ret;
}

/* Caller holds tree->lock, and hands over its reference. */
static vm_fault_t tracker_donor_map(struct vm_fault *vmf, struct page *donor)
{
	lock_page(donor);
	vmf->page = donor;
	return VM_FAULT_LOCKED;
}

/**
 * tracker_donor_fault - fault on a page that tracker_donor_is_due()
 * @session: the target's session
 * @vmf: the fault
 *
 * Return: as ->fault, or 0 where the pseudo-file's page or what is behind the
 * mapping is to be mapped.
 */
vm_fault_t tracker_donor_fault(struct tracker_session *session,
			       struct vm_fault *vmf)
{
	struct page *donor;
	vm_fault_t ret = 0;
	int err;

	if (vmf->flags & FAULT_FLAG_WRITE) {
		err = tracker_donor_fill(session, vmf->pgoff);
		if (err == -EINTR)
			return VM_FAULT_NOPAGE;
		return err < 0 ? vmf_error(err) : 0;
	}
	if (mutex_lock_killable(&session->tree->lock))
		return VM_FAULT_NOPAGE;
	donor = __tracker_donor_find(session, vmf->pgoff);
	if (IS_ERR(donor))
		ret = vmf_error(PTR_ERR(donor));
	else if (donor)
		ret = tracker_donor_map(vmf, donor);
	mutex_unlock(&session->tree->lock);
	return ret;
}
