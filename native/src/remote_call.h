// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>

/** A system call to be run by a tracee. */
struct RemoteCall {
  uint64_t number;
  uint64_t args[6];
};

/** What became of a remote call, or of a wait. */
struct RemoteOutcome {
  /** of the call; -errno when the call has failed */
  int64_t result = 0;
  /** a thread or process that the call has made, by the tracer's own pid namespace, or 0 */
  pid_t child = 0;
  /** a signal that stopped the tracee meanwhile although all are blocked (SIGSTOP), or 0 */
  int signal = 0;
};

/**
 * Runs one system call in a tracee that is in a ptrace stop, by the instruction at `address` in its
 * memory, and leaves it in the stop at the call's exit. Its other registers are those of `base`.
 * PTRACE_O_TRACESYSGOOD has to be set. Signals should be blocked: one that comes is held back, and
 * reported. No SIGTRAP is used, so that the tracee's disposition for it stays as it is. To be
 * called on the thread that traces. Returns 0, or the errno of ptrace: ESRCH when the tracee has
 * died.
 */
int RunRemoteCall(pid_t tid, uint64_t address, const user_regs_struct& base, const RemoteCall& call,
                  RemoteOutcome* outcome);

/**
 * Brings a tracee from the exit of a call to a stop in which the kernel looks at the registers once
 * more before it goes on: where they are those of an interrupted system call, that is restarted, or
 * ends with EINTR, as if nothing had been. No instruction of the tracee is run. Of
 * the outcome only the signal is set. Returns 0 or an errno.
 */
int SettleTracee(pid_t tid, RemoteOutcome* outcome);

/** Waits for the next ptrace stop; *status is as in siginfo's si_status. 0, or ESRCH after its
 * death. */
int WaitForTracee(pid_t tid, int* status);
