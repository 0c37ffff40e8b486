// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/**
 * Code for a process that runs remote calls, to lie at the beginning of a page: a system call
 * instruction, and behind it, at kReaperOffset, what the init of a pid namespace of ours does.
 */
extern "C" const uint8_t tracker_trampoline[];
extern "C" const uint8_t tracker_trampoline_end[];

/**
 * Reaps until there is no child any more, and exits. The siginfo of the one whose pid is in r12 is
 * written to the descriptor in r13, which is closed then. rsp is where a siginfo has room.
 */
inline constexpr size_t kReaperOffset = 16;
