// SPDX-License-Identifier: Apache-2.0
#include "remote_target.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "fallback_frame.h"
#include "freeze.h"
#include "ptrace.h"
#include "remote_values.h"

namespace {

using Frozen = std::shared_ptr<FrozenProcess>;

/** Below the stack pointer, where code may have something without moving it. */
constexpr uint64_t kRedZoneBytes = 128;

/** Of the target's own, for calls without memory of ours. All 0 if it has no such code. */
struct OwnWayBack {
  uint64_t call;      /* an instruction, and a return behind it */
  uint64_t sigreturn; /* what a signal handler returns to */
  uint64_t stack;     /* the stack of its first thread */
  uint64_t stack_end;
};

/**
 * System calls run by a thread of a frozen target. When the destructor is done the thread stands as
 * it stood before, with its registers and its mask. A signal that it was about to get is put back
 * into its queue. Should the tracker die in between, the thread goes on from its fallback frame as
 * if nothing had been; without one, with what it was made to do.
 */
class TargetCalls {
 public:
  /** `fallback`: memory of the target's for that, of which `address` is the beginning, or 0 */
  TargetCalls(FrozenProcess::Thread* thread, pid_t pid, uint64_t address, uint64_t fallback,
              const OwnWayBack& own)
      : thread_(thread), pid_(pid), address_(address), fallback_(fallback), own_(own) {}

  bool Begin(ErrnoFailure* failure);
  bool Run(const std::vector<RemoteCall>& calls, std::vector<int64_t>* results,
           ErrnoFailure* failure);
  /** Puts the signal back by a call of the thread itself; `scratch` is memory of the target's. */
  bool Requeue(uint64_t scratch, ErrnoFailure* failure);
  ~TargetCalls();

 private:
  bool Fail(int number, const char* syscall, ErrnoFailure* failure) {
    *failure = {number, syscall, "thread " + std::to_string(thread_->tid)};
    return false;
  }

  bool AbortSequence(ErrnoFailure* failure);
  bool Read(uint64_t address, void* buffer, size_t length);
  bool Write(uint64_t address, const void* buffer, size_t length);
  bool SetFallback(ErrnoFailure* failure);
  bool SetOwnFallback(ErrnoFailure* failure);
  bool SetReturn(uint64_t address, uint64_t frame, ErrnoFailure* failure);

  FrozenProcess::Thread* const thread_;
  const pid_t pid_;
  uint64_t address_; /* of the instruction */
  const uint64_t fallback_;
  const OwnWayBack own_;
  uint64_t saved_address_ = 0; /* what was on the stack */
  std::vector<uint8_t> saved_;
  user_regs_struct regs_ = {}; /* to go on with */
  user_regs_struct base_ = {}; /* of calls */
  std::vector<uint8_t> xstate_;
  uint64_t mask_ = 0;
  bool has_begun_ = false;
  RemoteOutcome outcome_;
};

bool TargetCalls::Begin(ErrnoFailure* failure) {
  const pid_t tid = thread_->tid;
  if (ptrace(PTRACE_SETOPTIONS, tid, nullptr, PTRACE_O_TRACESYSGOOD) != 0)
    return Fail(errno, "ptrace(PTRACE_SETOPTIONS)", failure);
  if (ptrace(PTRACE_GETREGS, tid, nullptr, &regs_) != 0)
    return Fail(errno, "ptrace(PTRACE_GETREGS)", failure);
  if (ptrace(PTRACE_GETSIGMASK, tid, sizeof(mask_), &mask_) != 0)
    return Fail(errno, "ptrace(PTRACE_GETSIGMASK)", failure);
  if (!AbortSequence(failure)) return false;
  base_ = regs_;
  has_begun_ = true;
  /* First the way back, then the mask: if this process is killed now, both are right. */
  if (!(fallback_ ? SetFallback(failure) : SetOwnFallback(failure))) return false;
  if (const int error = SetSignalMask(tid, ~uint64_t{0}))
    return Fail(error, "ptrace(PTRACE_SETSIGMASK)", failure);
  thread_->has_moved = true;
  return true;
}

/**
 * A thread inside of a restartable sequence goes on at its abort handler. The kernel sees to that
 * when it resumes one, but calls from elsewhere make it forget the sequence.
 */
bool TargetCalls::AbortSequence(ErrnoFailure* failure) {
  TraceeState state = {};
  if (!ReadTraceeState(thread_->tid, &state, failure)) return false;
  xstate_ = std::move(state.xstate);
  if (state.rseq.pointer == 0) return true;
  constexpr uint64_t kSectionOffset = 8; /* rseq_cs in struct rseq */
  struct {
    uint32_t version, flags;
    uint64_t start, length, abort;
  } section = {};
  uint64_t address = 0;
  if (!Read(state.rseq.pointer + kSectionOffset, &address, sizeof(address)) || address == 0 ||
      !Read(address, &section, sizeof(section)))
    return true;
  if (regs_.rip - section.start < section.length) regs_.rip = section.abort;
  return true;
}

bool TargetCalls::Read(uint64_t address, void* buffer, size_t length) {
  iovec to = {buffer, length};
  iovec from = {reinterpret_cast<void*>(address), length};
  return process_vm_readv(pid_, &to, 1, &from, 1, 0) == static_cast<ssize_t>(length);
}

bool TargetCalls::Write(uint64_t address, const void* buffer, size_t length) {
  iovec from = {const_cast<void*>(buffer), length};
  iovec to = {reinterpret_cast<void*>(address), length};
  return process_vm_writev(pid_, &from, 1, &to, 1, 0) == static_cast<ssize_t>(length);
}

bool TargetCalls::SetFallback(ErrnoFailure* failure) {
  const uint64_t frame = fallback_ + kFallbackBytes - kFrameBytes;
  if (!WriteFallbackFrame(pid_, frame, {regs_, xstate_, mask_}, failure)) return false;
  base_.rsp = frame;
  return SetReturn(fallback_ + kReturnOffset, frame, failure);
}

/** Where the thread is not on that stack, or has no room on it, there is no way back. */
bool TargetCalls::SetOwnFallback(ErrnoFailure* failure) {
  const uint64_t needed = kRedZoneBytes + kFrameBytes + 64;
  if (own_.call == 0 || regs_.rsp >= own_.stack_end || regs_.rsp < own_.stack + needed) return true;
  const uint64_t frame = (regs_.rsp - kRedZoneBytes - kFrameBytes) & ~uint64_t{63};
  saved_.resize(kFrameBytes);
  saved_address_ = frame - sizeof(own_.sigreturn);
  if (!Read(saved_address_, saved_.data(), saved_.size())) {
    saved_.clear();
    return true;
  }
  if (!WriteFallbackFrame(pid_, frame, {regs_, xstate_, mask_}, failure) ||
      !Write(saved_address_, &own_.sigreturn, sizeof(own_.sigreturn)))
    return false;
  address_ = own_.call;
  base_.rsp = saved_address_;
  return SetReturn(own_.sigreturn, frame, failure);
}

/** Lets the thread go back, should it be let go now. */
bool TargetCalls::SetReturn(uint64_t address, uint64_t frame, ErrnoFailure* failure) {
  user_regs_struct back = base_;
  back.rip = address;
  back.rsp = frame;
  back.orig_rax = static_cast<uint64_t>(-1);
  if (ptrace(PTRACE_SETREGS, thread_->tid, nullptr, &back) != 0)
    return Fail(errno, "ptrace(PTRACE_SETREGS)", failure);
  return true;
}

bool TargetCalls::Run(const std::vector<RemoteCall>& calls, std::vector<int64_t>* results,
                      ErrnoFailure* failure) {
  for (const RemoteCall& call : calls) {
    const int error = RunRemoteCall(thread_->tid, address_, base_, call, &outcome_);
    if (error) return Fail(error, "a remote system call", failure);
    results->push_back(outcome_.result);
  }
  return true;
}

bool TargetCalls::Requeue(uint64_t scratch, ErrnoFailure* failure) {
  if (!thread_->signal) return true;
  iovec from = {&thread_->info, sizeof(thread_->info)};
  iovec to = {reinterpret_cast<void*>(scratch), sizeof(siginfo_t)};
  if (process_vm_writev(pid_, &from, 1, &to, 1, 0) < 0)
    return Fail(errno, "process_vm_writev", failure);
  const auto number = static_cast<uint64_t>(thread_->signal);
  const RemoteCall call = {
      SYS_rt_tgsigqueueinfo,
      {static_cast<uint64_t>(pid_), static_cast<uint64_t>(thread_->tid), number, scratch, 0, 0}};
  const int error = RunRemoteCall(thread_->tid, address_, base_, call, &outcome_);
  if (error) return Fail(error, "a remote system call", failure);
  if (outcome_.result < 0)
    return Fail(static_cast<int>(-outcome_.result), "rt_tgsigqueueinfo", failure);
  thread_->signal = 0;
  return true;
}

TargetCalls::~TargetCalls() {
  if (!has_begun_) return;
  const pid_t tid = thread_->tid;
  if (thread_->has_moved) SettleTracee(tid, &outcome_);
  /* The mask first: until it has its registers, its way back is there. */
  SetSignalMask(tid, mask_);
  ptrace(PTRACE_SETREGS, tid, nullptr, &regs_);
  if (!saved_.empty()) Write(saved_address_, saved_.data(), saved_.size());
  /* Only SIGSTOP gets through: it takes effect when the target is let go. */
  if (outcome_.signal) syscall(SYS_tgkill, pid_, tid, outcome_.signal);
}

/** threadState(handle, tid): see native.ts */
Napi::Value ThreadState(const Napi::CallbackInfo& info) {
  const Frozen frozen = FrozenOf(info[0]);
  const pid_t tid = info[1].As<Napi::Number>();
  TraceeState state = {};
  ErrnoFailure failure = {ESRCH, "ptrace", "thread " + std::to_string(tid)};
  int stop_signal = 0;
  bool is_read = false;
  if (frozen) {
    frozen->Run([&] {
      const FrozenProcess::Thread* thread = frozen->Find(tid);
      if (!thread) return;
      stop_signal = thread->stop_signal;
      is_read = ReadTraceeState(tid, &state, &failure);
    });
  }
  if (!is_read)
    return ThrowErrno(info.Env(), failure.number, failure.syscall.c_str(), failure.context);
  Napi::Object result = StateOf(info.Env(), state);
  result.Set("stopSignal", stop_signal);
  return result;
}

/** Four addresses. */
OwnWayBack OwnWayBackOf(const Napi::Value& value) {
  const auto addresses = value.As<Napi::BigUint64Array>();
  if (addresses.ElementLength() != 4) return {};
  return {addresses[0], addresses[1], addresses[2], addresses[3]};
}

/** targetCalls(handle, pid, tid, address, scratch, fallback, calls, own): BigInt64Array */
Napi::Value RunTargetCalls(const Napi::CallbackInfo& info) {
  const Frozen frozen = FrozenOf(info[0]);
  const pid_t pid = info[1].As<Napi::Number>();
  const pid_t tid = info[2].As<Napi::Number>();
  const auto address = static_cast<uint64_t>(info[3].As<Napi::Number>().Int64Value());
  const auto scratch = static_cast<uint64_t>(info[4].As<Napi::Number>().Int64Value());
  const auto fallback = static_cast<uint64_t>(info[5].As<Napi::Number>().Int64Value());
  const std::vector<RemoteCall> calls = CallsOf(info[6]);
  const OwnWayBack own = OwnWayBackOf(info[7]);
  ErrnoFailure failure = {ESRCH, "ptrace", "thread " + std::to_string(tid)};
  std::vector<int64_t> results;
  bool is_done = false;
  if (frozen) {
    frozen->Run([&] {
      FrozenProcess::Thread* thread = frozen->Find(tid);
      if (!thread) return;
      TargetCalls target(thread, pid, address, fallback, own);
      is_done = target.Begin(&failure) && (scratch == 0 || target.Requeue(scratch, &failure)) &&
                target.Run(calls, &results, &failure);
    });
  }
  if (!is_done)
    return ThrowErrno(info.Env(), failure.number, failure.syscall.c_str(), failure.context);
  return ResultsOf(info.Env(), results);
}

}  // namespace

void InitRemoteTarget(Napi::Env env, Napi::Object exports) {
  exports.Set("threadState", Napi::Function::New<ThreadState>(env, "threadState"));
  exports.Set("targetCalls", Napi::Function::New<RunTargetCalls>(env, "targetCalls"));
}
