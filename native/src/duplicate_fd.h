// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "unique_fd.h"

/** A duplicate of another process' descriptor, which knows nothing of that; empty with errno. */
UniqueFd DuplicateFd(pid_t pid, int fd);
