// SPDX-License-Identifier: Apache-2.0
#include "remote_call.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

namespace {

constexpr int kSyscallStop = SIGTRAP | 0x80;

int EventOf(int status) { return status >> 8; }

bool IsChildEvent(int event) {
  return event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK;
}

/** Notes who was made, and signals; true for the stop at a call's entry or exit. */
bool IsSyscallStop(pid_t tid, int status, RemoteOutcome* outcome) {
  if (status == kSyscallStop) return true;
  if (IsChildEvent(EventOf(status))) {
    unsigned long child = 0;
    if (ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &child) == 0)
      outcome->child = static_cast<pid_t>(child);
  } else if (EventOf(status) == 0) {
    outcome->signal = status;
  }
  return false;
}

int RunToSyscallStop(pid_t tid, RemoteOutcome* outcome) {
  for (;;) {
    if (ptrace(PTRACE_SYSCALL, tid, nullptr, nullptr) != 0) return errno;
    int status = 0;
    if (const int error = WaitForTracee(tid, &status)) return error;
    if (IsSyscallStop(tid, status, outcome)) return 0;
  }
}

}  // namespace

int WaitForTracee(pid_t tid, int* status) {
  siginfo_t info = {};
  /* Without taking anything: an exit is for whoever the process' parent is. */
  const int options = WSTOPPED | WEXITED | WNOWAIT | __WALL | __WNOTHREAD;
  while (waitid(P_PID, static_cast<id_t>(tid), &info, options) != 0) {
    if (errno != EINTR) return ESRCH;
  }
  if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) return ESRCH;
  *status = info.si_status;
  waitid(P_PID, static_cast<id_t>(tid), &info, WSTOPPED | WNOHANG | __WALL | __WNOTHREAD);
  return 0;
}

int RunRemoteCall(pid_t tid, uint64_t address, const user_regs_struct& base, const RemoteCall& call,
                  RemoteOutcome* outcome) {
  user_regs_struct regs = base;
  regs.rip = address;
  regs.rax = call.number;
  /* Nothing is to be restarted on the way. */
  regs.orig_rax = static_cast<uint64_t>(-1);
  regs.rdi = call.args[0];
  regs.rsi = call.args[1];
  regs.rdx = call.args[2];
  regs.r10 = call.args[3];
  regs.r8 = call.args[4];
  regs.r9 = call.args[5];
  if (ptrace(PTRACE_SETREGS, tid, nullptr, &regs) != 0) return errno;
  if (const int error = RunToSyscallStop(tid, outcome)) return error;
  if (const int error = RunToSyscallStop(tid, outcome)) return error;
  if (ptrace(PTRACE_GETREGS, tid, nullptr, &regs) != 0) return errno;
  outcome->result = static_cast<int64_t>(regs.rax);
  return 0;
}

int SettleTracee(pid_t tid, RemoteOutcome* outcome) {
  if (ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) != 0) return errno;
  for (;;) {
    if (ptrace(PTRACE_CONT, tid, nullptr, nullptr) != 0) return errno;
    int status = 0;
    if (const int error = WaitForTracee(tid, &status)) return error;
    if (EventOf(status) == PTRACE_EVENT_STOP) return 0;
    if (EventOf(status) == 0) outcome->signal = status;
  }
}
