// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees: the sessions whose targets are forked from one another, or are tracked
 * together, and what those have in common.
 */
#include <linux/slab.h>

#include "tree.h"

struct tracker_tree *tracker_tree_create(void)
{
	struct tracker_tree *tree = kzalloc(sizeof(*tree), GFP_KERNEL);

	if (!tree)
		return NULL;
	kref_init(&tree->kref);
	mutex_init(&tree->lock);
	xa_init(&tree->frames);
	mutex_init(&tree->revert_lock);
	xa_init(&tree->backs);
	INIT_LIST_HEAD(&tree->lineages);
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
