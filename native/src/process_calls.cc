// SPDX-License-Identifier: Apache-2.0
#include "process_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "duplicate_fd.h"
#include "errno_error.h"
#include "promise_worker.h"
#include "remote_values.h"
#include "unique_fd.h"

namespace {

/** Bytes of a sched_attr that is read: with utilization clamps. */
constexpr uint32_t kSchedAttrBytes = 56;
/** Bytes of a CPU mask: for 8192 of them. */
constexpr size_t kCpuMaskBytes = 1024;

Napi::Value ThrowOf(Napi::Env env, const char* call, pid_t pid) {
  return ThrowErrno(env, errno, call, "process " + std::to_string(pid));
}

/** kcmp(pid1, pid2, type, index1, index2): 0 equal, 1 less, 2 greater */
Napi::Value Kcmp(const Napi::CallbackInfo& info) {
  const pid_t pid = info[0].As<Napi::Number>();
  const pid_t other = info[1].As<Napi::Number>();
  const int type = info[2].As<Napi::Number>();
  const int64_t index = info[3].As<Napi::Number>();
  const int64_t other_index = info[4].As<Napi::Number>();
  const long result = syscall(SYS_kcmp, pid, other, type, index, other_index);
  if (result < 0) return ThrowOf(info.Env(), "kcmp", pid);
  return Napi::Number::New(info.Env(), static_cast<double>(result));
}

/** scheduling(tid): { attributes, affinity, ioPriority }: sched_attr, CPU mask, ioprio_get's result
 */
Napi::Value Scheduling(const Napi::CallbackInfo& info) {
  const pid_t tid = info[0].As<Napi::Number>();
  uint8_t attributes[kSchedAttrBytes] = {};
  if (syscall(SYS_sched_getattr, tid, attributes, kSchedAttrBytes, 0) != 0)
    return ThrowOf(info.Env(), "sched_getattr", tid);
  uint8_t affinity[kCpuMaskBytes] = {};
  const long length = syscall(SYS_sched_getaffinity, tid, sizeof(affinity), affinity);
  if (length < 0) return ThrowOf(info.Env(), "sched_getaffinity", tid);
  constexpr int kOneProcess = 1; /* IOPRIO_WHO_PROCESS */
  const long priority = syscall(SYS_ioprio_get, kOneProcess, tid);
  if (priority < 0) return ThrowOf(info.Env(), "ioprio_get", tid);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("attributes", BytesOf(info.Env(), attributes, sizeof(attributes)));
  result.Set("affinity", BytesOf(info.Env(), affinity, static_cast<size_t>(length)));
  result.Set("ioPriority", Napi::Number::New(info.Env(), static_cast<double>(priority)));
  return result;
}

/**
 * settleTimerFile(pid, fd): lets a timerfd of another process count how often it has gone off:
 * until somebody asks, what procfs shows is the time of then.
 */
Napi::Value SettleTimerFile(const Napi::CallbackInfo& info) {
  const pid_t pid = info[0].As<Napi::Number>();
  const int fd = info[1].As<Napi::Number>();
  UniqueFd own = DuplicateFd(pid, fd);
  if (!own) return ThrowOf(info.Env(), "pidfd_getfd", pid);
  itimerspec left = {};
  if (timerfd_gettime(own.get(), &left) != 0) return ThrowOf(info.Env(), "timerfd_gettime", pid);
  return info.Env().Undefined();
}

class ExitWorker : public PromiseWorker {
 public:
  ExitWorker(Napi::Env env, pid_t pid) : PromiseWorker(env), pid_(pid) {}

 private:
  /** Not by waitid alone: it would take the stops that a freeze on another thread waits for. */
  void Work() override {
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd) return FailFor("pidfd_open");
    pollfd end = {pidfd.get(), POLLIN, 0};
    while (poll(&end, 1, -1) < 0) {
      if (errno != EINTR) return FailFor("poll");
    }
    if (waitid(P_PID, static_cast<id_t>(pid_), &info_, WEXITED | __WALL) != 0) FailFor("waitid");
  }

  void FailFor(const char* syscall) { Fail(errno, syscall, "process " + std::to_string(pid_)); }

  Napi::Value Result(Napi::Env env) override {
    const bool has_exited = info_.si_code == CLD_EXITED;
    Napi::Object result = Napi::Object::New(env);
    result.Set("code", has_exited ? Napi::Number::New(env, info_.si_status) : env.Null());
    result.Set("signal", has_exited ? env.Null() : Napi::Number::New(env, info_.si_status));
    return result;
  }

  const pid_t pid_;
  siginfo_t info_ = {};
};

/** waitExit(pid): Promise of { code, signal }; takes the exit status of a child */
Napi::Value WaitExit(const Napi::CallbackInfo& info) {
  return (new ExitWorker(info.Env(), info[0].As<Napi::Number>()))->Start();
}

}  // namespace

void InitProcessCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("kcmp", Napi::Function::New<Kcmp>(env, "kcmp"));
  exports.Set("scheduling", Napi::Function::New<Scheduling>(env, "scheduling"));
  exports.Set("settleTimerFile", Napi::Function::New<SettleTimerFile>(env, "settleTimerFile"));
  exports.Set("waitExit", Napi::Function::New<WaitExit>(env, "waitExit"));
}
