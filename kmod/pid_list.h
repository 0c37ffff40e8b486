/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRACKER_PID_LIST_H
#define TRACKER_PID_LIST_H

#include <linux/mm_types.h>

/* Processes that a controller asks for, by what they have mapped. */
struct tracker_pid_list {
	pid_t *pids;
	u32 max_pids;
	u32 nr_pids;		/* may be more than there was room for */
};

void tracker_pid_list_add(struct tracker_pid_list *list, struct mm_struct *mm);
int tracker_pid_list_fill(struct tracker_pid_list *list,
			  void (*collect)(struct tracker_pid_list *list,
					  void *data),
			  void *data);
int tracker_pid_list_copy(struct tracker_pid_list *list, u64 address,
			  u32 *length);
void tracker_pid_list_free(struct tracker_pid_list *list);

#endif /* TRACKER_PID_LIST_H */
