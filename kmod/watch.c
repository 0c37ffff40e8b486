// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who changes a file by a system call (write, truncate, fallocate, ...) changes
 * what its mappings show, and no page fault tells. fsnotify does, in the
 * caller's context, when the change is made and before the call returns.
 */
#include <linux/fsnotify_backend.h>
#include <linux/slab.h>

#include "tracker.h"

struct tracker_watch {
	struct fsnotify_mark mark;
	void (*changed)(void *owner);
	void *owner;			/* tracker_watch_lock; NULL: nobody's */
};

static struct fsnotify_group *tracker_watch_group;
static DECLARE_RWSEM(tracker_watch_lock);

/* Between these two calls nobody is told of a change. */
void tracker_watch_block(void)
{
	down_write(&tracker_watch_lock);
}

void tracker_watch_unblock(void)
{
	up_write(&tracker_watch_lock);
}

static int tracker_watch_event(struct fsnotify_mark *mark, u32 mask,
			       struct inode *inode, struct inode *dir,
			       const struct qstr *file_name, u32 cookie)
{
	struct tracker_watch *watch =
		container_of(mark, struct tracker_watch, mark);

	down_read(&tracker_watch_lock);
	if (watch->owner)
		watch->changed(watch->owner);
	up_read(&tracker_watch_lock);
	return 0;
}

static void tracker_watch_free(struct fsnotify_mark *mark)
{
	kfree(container_of(mark, struct tracker_watch, mark));
}

static const struct fsnotify_ops tracker_watch_ops = {
	.handle_inode_event = tracker_watch_event,
	.free_mark = tracker_watch_free,
};

/**
 * tracker_watch_create - be told when a file is changed by a system call
 * @inode: the file
 * @changed: called in the context of who has changed it; may sleep
 * @owner: argument of @changed
 *
 * Return: the watch or an ERR_PTR.
 */
struct tracker_watch *tracker_watch_create(struct inode *inode,
					   void (*changed)(void *owner),
					   void *owner)
{
	struct tracker_watch *watch = kzalloc(sizeof(*watch), GFP_KERNEL);
	int err;

	if (!watch)
		return ERR_PTR(-ENOMEM);
	watch->changed = changed;
	watch->owner = owner;
	fsnotify_init_mark(&watch->mark, tracker_watch_group);
	watch->mark.mask = FS_MODIFY;
	err = fsnotify_add_inode_mark(&watch->mark, inode, 0);
	if (err) {
		fsnotify_put_mark(&watch->mark);
		return ERR_PTR(err);
	}
	return watch;
}

/* After this, @changed is not called and not running. */
void tracker_watch_destroy(struct tracker_watch *watch)
{
	down_write(&tracker_watch_lock);
	watch->owner = NULL;
	up_write(&tracker_watch_lock);
	fsnotify_destroy_mark(&watch->mark, tracker_watch_group);
	fsnotify_put_mark(&watch->mark);
}

int tracker_watches_init(void)
{
	tracker_watch_group = fsnotify_alloc_group(&tracker_watch_ops,
						   FSNOTIFY_GROUP_DUPS);
	return PTR_ERR_OR_ZERO(tracker_watch_group);
}

void tracker_watches_exit(void)
{
	fsnotify_put_group(tracker_watch_group);
	fsnotify_wait_marks_destroyed();
}
