/* SPDX-License-Identifier: Apache-2.0 */
/* What every test program says when something is not as it should be. */
#ifndef TRACKER_TEST_CHECK_H
#define TRACKER_TEST_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096UL

/* Ends this process, a forked child too, with status 1. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s: errno %d (%s)\n",          \
				__FILE__, __LINE__, #condition, errno,         \
				strerror(errno));                              \
			_exit(1);                                              \
		}                                                              \
	} while (0)

#endif
