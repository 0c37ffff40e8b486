// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>
#include <vector>

#include "errno_error.h"

/** What PTRACE_GET_RSEQ_CONFIGURATION tells (linux/ptrace.h cannot be had next to sys/ptrace.h). */
struct RseqConfiguration {
  uint64_t pointer;
  uint32_t size;
  uint32_t signature;
  uint32_t flags;
  uint32_t pad;
};

/** What ptrace shows of a thread that stands. */
struct TraceeState {
  user_regs_struct regs;
  std::vector<uint8_t> xstate;
  uint64_t signal_mask;
  RseqConfiguration rseq;
  uint64_t robust_list;
  uint64_t robust_list_length;
  /** system calls are caught in user space (PR_SET_SYSCALL_USER_DISPATCH) */
  bool has_dispatch;
  std::vector<siginfo_t> pending;        /* of this thread */
  std::vector<siginfo_t> shared_pending; /* of the process */
};

/** Reads it. To be called on the thread that traces; false with the failure filled in. */
bool ReadTraceeState(pid_t tid, TraceeState* state, ErrnoFailure* failure);

/** Sets the registers of all kinds and the signal mask. As above. */
bool WriteTraceeState(pid_t tid, const user_regs_struct& regs, const std::vector<uint8_t>& xstate,
                      uint64_t signal_mask, ErrnoFailure* failure);

/** Sets the signal mask alone; 0 or an errno. */
int SetSignalMask(pid_t tid, uint64_t mask);
