// SPDX-License-Identifier: GPL-2.0-only
/* What there is to know of a session. */
#include <linux/file.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "session.h"
#include "share.h"
#include "tree.h"

static void tracker_status_add(struct tracker_session_status *status,
			       struct tracker_log *log)
{
	/* A page that is logged and harvested right now may be missing. */
	status->nr_dirty += max(0L, atomic_long_read(&log->nr_dirty));
	status->nr_pending += log->nr_pending;
	status->nr_chunks += atomic_long_read(&log->nr_chunks);
	status->overflow |= log->overflow || log->overflow_pending;
}

/* Pages of shared files may be in both of the logs. */
static void tracker_status_add_logs(struct tracker_session_status *status,
				    struct tracker_session *session)
{
	struct tracker_region *region;
	unsigned long mapping;

	tracker_status_add(status, &session->log);
	tracker_status_add(status, &session->shared);
	xa_for_each(&session->shares, mapping, region)
		tracker_status_add(status, &region->share->log);
	status->log_bytes = status->nr_chunks * sizeof(struct tracker_chunk);
}

/* Caller holds session->lock, except for a status that need not be exact. */
void tracker_session_fill_status(struct tracker_session *session,
				 struct tracker_session_status *status)
{
	struct pid *holder = session->holder;

	memset(status, 0, sizeof(*status));
	rcu_read_lock();
	if (pid_task(session->pid, PIDTYPE_TGID))
		status->pid = pid_vnr(session->pid);
	rcu_read_unlock();
	status->holder = holder ? pid_vnr(holder) : 0;
	status->after = session->serial;
	memcpy(status->id, session->id, sizeof(status->id));
	status->epoch = session->epoch;
	status->committed = session->committed;
	status->nr_regions = session->nr_regions;
	status->tree = session->tree->serial;
	status->nr_snapshots = READ_ONCE(session->family->nr_snapshots);
	tracker_status_add_logs(status, session);
	if (session->origin)
		tracker_origin_id(session, status->origin);
}

/**
 * tracker_device_status - TRACKER_IOC_STATUS
 * @argp: see the ABI header
 *
 * Return: 0, -ENOENT where no (further) session is, or another -errno.
 */
int tracker_device_status(struct tracker_session_status __user *argp)
{
	struct tracker_session_status status;
	struct tracker_session *session;
	struct mm_struct *mm = NULL;
	struct pid *pid;
	struct file *file;
	int err;

	if (copy_from_user(&status, argp, sizeof(status)))
		return -EFAULT;
	if (status.__reserved)
		return -EINVAL;
	if (status.pid) {
		err = tracker_target_get(status.pid, &mm, &pid);
		if (err)
			return err;
		put_pid(pid);
	}
	session = mm ? tracker_session_find(mm) :
		       tracker_session_next(status.after);
	if (mm)
		mmput(mm);
	if (!session)
		return -ENOENT;
	file = session->file;
	mutex_lock(&session->lock);
	tracker_session_fill_status(session, &status);
	mutex_unlock(&session->lock);
	status.backing_pages = READ_ONCE(session->inode->i_mapping->nrpages);
	fput(file);
	tracker_session_put(session);
	return copy_to_user(argp, &status, sizeof(status)) ? -EFAULT : 0;
}
