// SPDX-License-Identifier: Apache-2.0
#include "duplicate_fd.h"

#include <sys/syscall.h>
#include <unistd.h>

UniqueFd DuplicateFd(pid_t pid, int fd) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return UniqueFd(-1);
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
}
