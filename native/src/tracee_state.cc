// SPDX-License-Identifier: Apache-2.0
#include "tracee_state.h"

#include <elf.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <string>

namespace {

/** Requests that the C library's header may not have. */
constexpr auto kGetRseq = static_cast<__ptrace_request>(0x420f);
constexpr auto kGetDispatch = static_cast<__ptrace_request>(0x4211);
constexpr int kXstateNote = 0x202;
/** The FXSAVE area, which processors without XSAVE have instead; an XSAVE area is longer. */
constexpr int kFpregNote = 2;
constexpr size_t kFpregBytes = 512;
/** More than any processor's XSAVE area: AMX has 11 KiB. */
constexpr size_t kMaxXstate = 64 << 10;
constexpr int kPeekBatch = 32;

struct DispatchConfiguration {
  uint64_t mode, selector, offset, length;
};

bool FailAt(ErrnoFailure* failure, const char* syscall, pid_t tid) {
  *failure = {errno, syscall, "thread " + std::to_string(tid)};
  return false;
}

bool ReadPending(pid_t tid, bool is_shared, std::vector<siginfo_t>* pending) {
  pending->clear();
  for (;;) {
    __ptrace_peeksiginfo_args args = {};
    args.off = pending->size();
    args.flags = is_shared ? PTRACE_PEEKSIGINFO_SHARED : 0;
    args.nr = kPeekBatch;
    siginfo_t part[kPeekBatch];
    const long nr_found = ptrace(PTRACE_PEEKSIGINFO, tid, &args, part);
    if (nr_found < 0) return false;
    pending->insert(pending->end(), part, part + nr_found);
    if (nr_found < kPeekBatch) return true;
  }
}

bool ReadRegisters(pid_t tid, TraceeState* state, ErrnoFailure* failure) {
  if (ptrace(PTRACE_GETREGS, tid, nullptr, &state->regs) != 0)
    return FailAt(failure, "ptrace(PTRACE_GETREGS)", tid);
  state->xstate.resize(kMaxXstate);
  iovec part = {state->xstate.data(), state->xstate.size()};
  long error = ptrace(PTRACE_GETREGSET, tid, kXstateNote, &part);
  if (error != 0 && errno == ENODEV) error = ptrace(PTRACE_GETREGSET, tid, kFpregNote, &part);
  if (error != 0) return FailAt(failure, "ptrace(PTRACE_GETREGSET, NT_X86_XSTATE)", tid);
  state->xstate.resize(part.iov_len);
  return true;
}

}  // namespace

bool ReadTraceeState(pid_t tid, TraceeState* state, ErrnoFailure* failure) {
  if (!ReadRegisters(tid, state, failure)) return false;
  if (ptrace(PTRACE_GETSIGMASK, tid, sizeof(state->signal_mask), &state->signal_mask) != 0)
    return FailAt(failure, "ptrace(PTRACE_GETSIGMASK)", tid);
  state->rseq = {};
  if (ptrace(kGetRseq, tid, sizeof(state->rseq), &state->rseq) < 0)
    return FailAt(failure, "ptrace(PTRACE_GET_RSEQ_CONFIGURATION)", tid);
  DispatchConfiguration dispatch = {};
  /* EIO before Linux 6.4, where a thread that has it cannot be told. */
  ptrace(kGetDispatch, tid, sizeof(dispatch), &dispatch);
  state->has_dispatch = dispatch.mode != 0;
  if (syscall(SYS_get_robust_list, tid, &state->robust_list, &state->robust_list_length) != 0)
    return FailAt(failure, "get_robust_list", tid);
  if (!ReadPending(tid, false, &state->pending) || !ReadPending(tid, true, &state->shared_pending))
    return FailAt(failure, "ptrace(PTRACE_PEEKSIGINFO)", tid);
  return true;
}

int SetSignalMask(pid_t tid, uint64_t mask) {
  return ptrace(PTRACE_SETSIGMASK, tid, sizeof(mask), &mask) == 0 ? 0 : errno;
}

bool WriteTraceeState(pid_t tid, const user_regs_struct& regs, const std::vector<uint8_t>& xstate,
                      uint64_t signal_mask, ErrnoFailure* failure) {
  iovec part = {const_cast<uint8_t*>(xstate.data()), xstate.size()};
  const int note = xstate.size() == kFpregBytes ? kFpregNote : kXstateNote;
  if (!xstate.empty() && ptrace(PTRACE_SETREGSET, tid, note, &part) != 0)
    return FailAt(failure, "ptrace(PTRACE_SETREGSET, NT_X86_XSTATE)", tid);
  if (ptrace(PTRACE_SETREGS, tid, nullptr, const_cast<user_regs_struct*>(&regs)) != 0)
    return FailAt(failure, "ptrace(PTRACE_SETREGS)", tid);
  if (const int error = SetSignalMask(tid, signal_mask)) {
    errno = error;
    return FailAt(failure, "ptrace(PTRACE_SETSIGMASK)", tid);
  }
  return true;
}
