// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tracer_thread.h"

/** Why a freeze failed: the call, and what is known of the thread it failed on. */
struct FreezeFailure {
  int number = 0; /* errno */
  const char* syscall = "";
  pid_t tid = 0;
  char state = 0;    /* letter of /proc/TID/stat */
  std::string wchan; /* empty when not known */
  pid_t tracer = 0;  /* with EPERM, a debugger or another tracker that has the thread, or 0 */
};

/**
 * Every thread of a process held in a ptrace stop. The destructor lets them go on; the kernel does
 * so if this process dies (PTRACE_O_EXITKILL is never set).
 */
class FrozenProcess {
 public:
  enum class State { kSeized, kStopped, kGone };
  struct Thread {
    pid_t tid;
    State state;
    int signal = 0;         /* was about to be delivered; injected at the release */
    int stop_signal = 0;    /* that has stopped the process as a whole (SIGSTOP), or 0 */
    siginfo_t info = {};    /* of `signal` */
    bool has_moved = false; /* it has been resumed, so that the signal cannot be injected */
  };

  /**
   * Stops every thread of pid, and of the processes that extra_tids belong to (processes that share
   * its memory). A thread that exits meanwhile is passed over, one that is stopped by SIGSTOP stays
   * so. Null on a failure, after which no thread is held.
   */
  static std::unique_ptr<FrozenProcess> Freeze(pid_t pid, const std::vector<pid_t>& extra_tids,
                                               std::chrono::milliseconds timeout,
                                               FreezeFailure* failure);
  /** Takes threads over that `tracer` traces and that stand, all of the process. */
  static std::unique_ptr<FrozenProcess> Adopt(std::unique_ptr<TracerThread> tracer, pid_t pid,
                                              const std::vector<pid_t>& tids);
  ~FrozenProcess();

  /**
   * Runs work on the thread that holds the process. The module accepts a swap or a revert from no
   * other one: this thread cannot die, and let the process go, before its call returns.
   */
  void Run(const std::function<void()>& work) { tracer_->Run(work); }

  std::vector<pid_t> tids() const;
  /**
   * A thread that is held, or null. Whoever resumes it on the way delivers its signal otherwise,
   * and sets that to 0.
   */
  Thread* Find(pid_t tid);
  /** From the first thread's seizure until the last one stood. */
  std::chrono::nanoseconds stop_time() const { return stop_time_; }

 private:
  using Clock = std::chrono::steady_clock;

  FrozenProcess() = default;
  bool StopAll(Clock::time_point deadline);
  bool SeizeNew(bool* found);
  bool SeizeThread(pid_t tid);
  bool WaitForStops(Clock::time_point deadline);
  void Poll(Thread& thread);
  void Release();
  bool IsKnown(pid_t tid) const;
  bool Fail(int number, const char* syscall, pid_t tid);

  std::vector<pid_t> processes_; /* the target first */
  Clock::time_point last_deadline_;
  std::vector<Thread> threads_;
  std::chrono::nanoseconds stop_time_{0};
  FreezeFailure failure_;
  std::unique_ptr<TracerThread> tracer_;
};
