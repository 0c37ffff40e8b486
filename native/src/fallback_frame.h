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
 *
 * Where the target has no such memory yet, its own code serves: a call instruction with a return
 * behind it, which leads to its C library's code for the return from a handler. The frame is on the
 * thread's stack then, below all that is in use, as that of a signal would be.
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

/** Room for a frame: an XSAVE area, and what is in front of it. */
constexpr uint64_t kFrameBytes = 4 * 4096;

/**
 * Writes the frame, of at most kFrameBytes; `frame` is a multiple of 64, and the stack pointer to
 * return with. An interrupted system call begins anew when the thread goes back: what the kernel
 * knows of it cannot be had from a frame. Returns false with the failure filled in.
 */
bool WriteFallbackFrame(pid_t pid, uint64_t frame, const FallbackState& state,
                        ErrnoFailure* failure);
