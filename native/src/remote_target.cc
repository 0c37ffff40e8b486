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

#include "freeze.h"
#include "ptrace.h"
#include "remote_values.h"

namespace {

using Frozen = std::shared_ptr<FrozenProcess>;

/**
 * System calls run by a thread of a frozen target. When the destructor is done the thread stands as
 * it stood before, with its registers and its mask. A signal that it was about to get is put back
 * into its queue. Should the tracker die in between, the thread goes on with what it was made to
 * do.
 */
class TargetCalls {
 public:
  TargetCalls(FrozenProcess::Thread* thread, pid_t pid, uint64_t address)
      : thread_(thread), pid_(pid), address_(address) {}

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

  FrozenProcess::Thread* const thread_;
  const pid_t pid_;
  const uint64_t address_;
  user_regs_struct regs_ = {};
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
  if (const int error = SetSignalMask(tid, ~uint64_t{0}))
    return Fail(error, "ptrace(PTRACE_SETSIGMASK)", failure);
  has_begun_ = true;
  thread_->has_moved = true;
  return true;
}

bool TargetCalls::Run(const std::vector<RemoteCall>& calls, std::vector<int64_t>* results,
                      ErrnoFailure* failure) {
  for (const RemoteCall& call : calls) {
    const int error = RunRemoteCall(thread_->tid, address_, regs_, call, &outcome_);
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
  const int error = RunRemoteCall(thread_->tid, address_, regs_, call, &outcome_);
  if (error) return Fail(error, "a remote system call", failure);
  if (outcome_.result < 0)
    return Fail(static_cast<int>(-outcome_.result), "rt_tgsigqueueinfo", failure);
  thread_->signal = 0;
  return true;
}

TargetCalls::~TargetCalls() {
  if (!has_begun_) return;
  const pid_t tid = thread_->tid;
  SettleTracee(tid, &outcome_);
  ptrace(PTRACE_SETREGS, tid, nullptr, &regs_);
  SetSignalMask(tid, mask_);
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

/** targetCalls(handle, pid, tid, address, scratch, calls): BigInt64Array */
Napi::Value RunTargetCalls(const Napi::CallbackInfo& info) {
  const Frozen frozen = FrozenOf(info[0]);
  const pid_t pid = info[1].As<Napi::Number>();
  const pid_t tid = info[2].As<Napi::Number>();
  const auto address = static_cast<uint64_t>(info[3].As<Napi::Number>().Int64Value());
  const auto scratch = static_cast<uint64_t>(info[4].As<Napi::Number>().Int64Value());
  const std::vector<RemoteCall> calls = CallsOf(info[5]);
  ErrnoFailure failure = {ESRCH, "ptrace", "thread " + std::to_string(tid)};
  std::vector<int64_t> results;
  bool is_done = false;
  if (frozen) {
    frozen->Run([&] {
      FrozenProcess::Thread* thread = frozen->Find(tid);
      if (!thread) return;
      TargetCalls target(thread, pid, address);
      is_done = target.Begin(&failure) && target.Run(calls, &results, &failure) &&
                (scratch == 0 || target.Requeue(scratch, &failure));
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
