/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_PIECES_H
#define TRACKER_PIECES_H

#include "tracker.h"

/* A part of a pseudo-file that is mapped. */
struct tracker_piece {
	pgoff_t start;
	pgoff_t end;
};

struct tracker_pieces {
	struct tracker_piece *pieces;
	u32 max_pieces;
	u32 nr_pieces;			/* there are; may be more than there is room */
	u32 hash;
};

typedef bool (*tracker_piece_filter_t)(struct tracker_session *session,
				       struct vm_area_struct *vma);

bool tracker_pieces_alloc(struct tracker_pieces *list, struct mm_struct *mm);
void tracker_pieces_collect(struct tracker_pieces *list,
			    struct tracker_session *session,
			    struct mm_struct *mm, tracker_piece_filter_t filter);
void tracker_pieces_sort(struct tracker_pieces *list);
bool tracker_pieces_overlap(const struct tracker_pieces *list);

#endif /* TRACKER_PIECES_H */
