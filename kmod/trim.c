// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trim: munmap() says nothing to us (no ->close), so pages that the target has
 * unmapped stay in the pseudo-file until the next layout, or until a moment
 * after they were unmapped (syscall_hook.c).
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "pieces.h"
#include "session.h"
#include "source.h"

/* So long after an munmap(), so that many of them cost one walk. */
#define TRACKER_TRIM_DELAY_MS	100

static bool tracker_piece_is_target(struct tracker_session *session,
				    struct vm_area_struct *vma)
{
	return tracker_vma_is_target(vma) && tracker_vma_session(vma) == session;
}

/*
 * What is between the pieces goes, but for what a forked child may ask for.
 *
 * Caller holds mmap_lock: mremap() must not grow a mapping into what counts as
 * unmapped here.
 */
static void tracker_trim_gaps(struct tracker_session *session,
			      struct tracker_pieces *list)
{
	/* Whoever forks holds mmap_lock for writing: no child comes now. */
	pgoff_t next = tracker_family_end(session->family);
	bool is_complete = next == 0;
	u32 i;

	tracker_pieces_sort(list);
	for (i = 0; i <= list->nr_pieces; i++) {
		pgoff_t start = i < list->nr_pieces ? list->pieces[i].start :
						      TRACKER_MAX_PGOFF;

		if (start > next) {
			tracker_drop(session, next, start);
			if (is_complete)
				tracker_sources_drop(session->family, next,
						     start);
		}
		if (i < list->nr_pieces)
			next = max(next, list->pieces[i].end);
	}
	if (is_complete)
		session->layout_hash = list->hash;
}

/**
 * tracker_trim - give back what the target has unmapped
 * @session: the session, locked
 * @mm: the target's, which the caller keeps
 *
 * Without memory, or while the target is making many mappings, nothing is given
 * back this time.
 */
void tracker_trim(struct tracker_session *session, struct mm_struct *mm)
{
	struct tracker_pieces list;

	if (!tracker_pieces_alloc(&list, mm))
		return;
	mmap_read_lock(mm);
	tracker_pieces_collect(&list, session, mm, tracker_piece_is_target);
	if (list.nr_pieces <= list.max_pieces &&
	    list.hash != session->layout_hash)
		tracker_trim_gaps(session, &list);
	mmap_read_unlock(mm);
	kvfree(list.pieces);
}

/* Return: the session's file, or NULL when its last mapping is gone. */
static struct file *tracker_trim_file(struct tracker_session *session)
{
	struct file *file;

	mutex_lock(&tracker_sessions_lock);
	file = session->file;
	if (file && !tracker_file_tryget(file))
		file = NULL;
	mutex_unlock(&tracker_sessions_lock);
	return file;
}

void tracker_trim_work(struct work_struct *work)
{
	struct tracker_session *session =
		container_of(work, struct tracker_session, trim_work);
	struct file *file;

	msleep(TRACKER_TRIM_DELAY_MS);
	mutex_lock(&session->lock);
	file = tracker_trim_file(session);
	if (file && mmget_not_zero(session->mm)) {
		tracker_trim(session, session->mm);
		mmput_async(session->mm);
	}
	mutex_unlock(&session->lock);
	if (file)
		fput(file);
	tracker_session_put(session);
}

/**
 * tracker_trim_later - something of a target is being unmapped
 * @session: the session, which a mapping keeps
 *
 * Callable from any context.
 */
void tracker_trim_later(struct tracker_session *session)
{
	tracker_session_get(session);
	if (!queue_work(tracker_queue, &session->trim_work))
		tracker_session_put(session);
}
