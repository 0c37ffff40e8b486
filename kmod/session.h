/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_SESSION_H
#define TRACKER_SESSION_H

/* How sessions are found and made. */

#include "tracker.h"

/* What a new session comes from. Both may be NULL. */
struct tracker_descent {
	struct file *origin;		/* counted, until it is taken */
	struct tracker_tree *tree;	/* counted */
};

extern struct mutex tracker_sessions_lock;

void __tracker_session_end(struct tracker_session *session);
bool __tracker_session_exists(struct mm_struct *mm);
struct tracker_session *tracker_session_find(struct mm_struct *mm);
struct tracker_session *tracker_session_next(unsigned long after);
struct tracker_session *
tracker_session_find_or_create(struct mm_struct *mm, struct pid *pid,
			       struct tracker_descent *descent,
			       struct tracker_session_open *args);
int tracker_target_get(pid_t nr, struct mm_struct **mm, struct pid **pid);

#endif /* TRACKER_SESSION_H */
