// SPDX-License-Identifier: GPL-2.0-only
/* The calls on a session fd. */
#include <linux/uaccess.h>

#include "share.h"
#include "tree.h"

static long tracker_ioctl_session_status(struct tracker_session *session,
					 struct tracker_session_status __user *argp)
{
	struct tracker_session_status status;

	tracker_session_fill_status(session, &status);
	status.backing_pages = READ_ONCE(session->inode->i_mapping->nrpages);
	return copy_to_user(argp, &status, sizeof(status)) ? -EFAULT : 0;
}

/* Caller holds session->lock. */
long tracker_session_call(struct tracker_controller *controller,
			  unsigned int cmd, void __user *argp)
{
	struct tracker_session *session = controller->session;

	if (cmd == TRACKER_IOC_REGION_OPEN)
		return tracker_ioctl_region_open(controller, argp);
	if (cmd == TRACKER_IOC_SESSION_STATUS)
		return tracker_ioctl_session_status(session, argp);
	if (cmd == TRACKER_IOC_STRAYS)
		return tracker_ioctl_strays(session, argp);
	if (_IOC_TYPE(cmd) == 'T' && tracker_session_is_over(session))
		return -ESRCH;
	switch (cmd) {
	case TRACKER_IOC_LAYOUT:
		return tracker_ioctl_layout(session, argp);
	case TRACKER_IOC_SWAP:
		return tracker_ioctl_swap(session, argp);
	case TRACKER_IOC_REVERT:
		return tracker_ioctl_revert(session, argp);
	case TRACKER_IOC_HARVEST:
		return tracker_ioctl_harvest(session, argp);
	case TRACKER_IOC_COMMIT:
		return tracker_ioctl_commit(session, argp);
	case TRACKER_IOC_ABORT:
		return tracker_ioctl_abort(session, argp);
	case TRACKER_IOC_RESIDENT:
		return tracker_ioctl_resident(session, argp);
	case TRACKER_IOC_DONORS:
		return tracker_ioctl_donors(session, argp);
	case TRACKER_IOC_SHARERS:
		return tracker_ioctl_sharers(session, argp);
	default:
		return -ENOTTY;
	}
}
