// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees: the sessions whose targets are forked from one another, or are tracked
 * together, and what those have in common.
 */
#include <linux/slab.h>

#include "reshare.h"

static atomic64_t tracker_last_tree;

struct tracker_tree *tracker_tree_create(void)
{
	struct tracker_tree *tree = kzalloc(sizeof(*tree), GFP_KERNEL);

	if (!tree)
		return NULL;
	kref_init(&tree->kref);
	tree->serial = atomic64_inc_return(&tracker_last_tree);
	mutex_init(&tree->lock);
	xa_init(&tree->frames);
	mutex_init(&tree->revert_lock);
	xa_init(&tree->backs);
	INIT_LIST_HEAD(&tree->lineages);
	mutex_init(&tree->forks_lock);
	INIT_LIST_HEAD(&tree->forked);
	return tree;
}

struct tracker_tree *tracker_tree_get(struct tracker_tree *tree)
{
	kref_get(&tree->kref);
	return tree;
}

static void tracker_tree_release(struct kref *kref)
{
	struct tracker_tree *tree = container_of(kref, struct tracker_tree, kref);

	tracker_frames_forget(tree);
	tracker_reshare_end(tree);
	xa_destroy(&tree->frames);
	xa_destroy(&tree->backs);
	kfree(tree);
}

void tracker_tree_put(struct tracker_tree *tree)
{
	if (tree)
		kref_put(&tree->kref, tracker_tree_release);
}

/**
 * tracker_tree_add_fork - a target forks
 * @session: the target's
 *
 * From now on until tracker_tree_remove_fork() the session's tree, family and
 * inode are there.
 */
void tracker_tree_add_fork(struct tracker_session *session)
{
	struct tracker_family *family = session->family;
	struct tracker_tree *tree = session->tree;

	mutex_lock(&tree->forks_lock);
	family->inode = session->inode;
	if (!family->nr_forks++)
		list_add_tail(&family->forked_node, &tree->forked);
	mutex_unlock(&tree->forks_lock);
}

/* Nobody maps what the fork was for any more. */
void tracker_tree_remove_fork(struct tracker_session *session)
{
	struct tracker_family *family = session->family;
	struct tracker_tree *tree = session->tree;

	mutex_lock(&tree->forks_lock);
	if (!--family->nr_forks)
		list_del(&family->forked_node);
	mutex_unlock(&tree->forks_lock);
}
