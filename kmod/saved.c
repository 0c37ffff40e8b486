// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is saved for the children of one target, in one tree: by page, then by
 * snapshot, the oldest first.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "saved.h"

static bool tracker_saved_is_before(const struct tracker_saved *saved,
				    pgoff_t pgoff, u64 serial)
{
	return saved->pgoff != pgoff ? saved->pgoff < pgoff :
				       saved->serial < serial;
}

/*
 * The first entry of a page that is not older than a snapshot, or else of the
 * first page behind it that has any. Caller holds family->lock.
 */
struct tracker_saved *tracker_saved_find(struct tracker_family *family,
					 pgoff_t pgoff, u64 serial)
{
	struct rb_node *node = family->saved.rb_node;
	struct tracker_saved *saved, *found = NULL;

	while (node) {
		saved = rb_entry(node, struct tracker_saved, node);
		if (tracker_saved_is_before(saved, pgoff, serial)) {
			node = node->rb_right;
		} else {
			found = saved;
			node = node->rb_left;
		}
	}
	return found;
}

/* What a child of that snapshot sees, or NULL: the live page. */
struct tracker_saved *tracker_saved_at(struct tracker_family *family,
				       pgoff_t pgoff, u64 serial)
{
	struct tracker_saved *saved = tracker_saved_find(family, pgoff, serial);

	return saved && saved->pgoff == pgoff ? saved : NULL;
}

/* Caller holds family->lock for writing. */
void tracker_saved_insert(struct tracker_snapshot *snapshot,
			  struct tracker_saved *new)
{
	struct rb_root *root = &snapshot->family->saved;
	struct rb_node **link = &root->rb_node, *parent = NULL;

	lockdep_assert_held_write(&snapshot->family->lock);
	while (*link) {
		parent = *link;
		if (tracker_saved_is_before(rb_entry(parent, struct tracker_saved,
						     node),
					    new->pgoff, new->serial))
			link = &parent->rb_right;
		else
			link = &parent->rb_left;
	}
	rb_link_node(&new->node, parent, link);
	rb_insert_color(&new->node, root);
	list_add_tail(&new->list, &snapshot->saved);
}

void tracker_saved_free(struct tracker_saved *saved)
{
	put_page(saved->page);
	kfree(saved);
}

/* Caller holds family->lock for writing. */
void tracker_saved_erase(struct tracker_family *family,
			 struct tracker_saved *saved)
{
	rb_erase(&saved->node, &family->saved);
	list_del(&saved->list);
	tracker_saved_free(saved);
}

/* Return: an entry of a page, whose reference it takes, or NULL. */
struct tracker_saved *tracker_saved_create(struct page *page, pgoff_t pgoff,
					   gfp_t gfp)
{
	struct tracker_saved *saved;

	if (!page)
		return NULL;
	saved = kmalloc(sizeof(*saved), gfp);
	if (!saved) {
		put_page(page);
		return NULL;
	}
	saved->pgoff = pgoff;
	saved->page = page;
	return saved;
}
