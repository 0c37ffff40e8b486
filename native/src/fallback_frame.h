// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>
#include <vector>

#include "errno_error.h"

/**
 * Memory of a target's in which a remote call leaves it a way back: at its beginning code that runs
 * a system call and then returns as from a signal handler, at its end the frame to return by. When
 * the tracer is killed, the thread comes by itself to where it stood.
 */
constexpr uint64_t kFallbackBytes = 24 * 4096;
/** Of the code: behind its system call instruction. */
constexpr uint64_t kReturnOffset = 2;

/** What a thread goes back to. */
struct FallbackState {
  user_regs_struct regs;
  std::vector<uint8_t> xstate;
  uint64_t signal_mask;
};

/**
 * Writes the frame. An interrupted system call begins anew when the thread goes back: what the
 * kernel knows of it cannot be had from a frame. Returns the stack pointer to return with, 0 with
 * the failure filled in.
 */
uint64_t WriteFallbackFrame(pid_t pid, uint64_t fallback, const FallbackState& state,
                            ErrnoFailure* failure);
