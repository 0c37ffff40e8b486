// SPDX-License-Identifier: Apache-2.0
#include "freeze.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "thread_state.h"

namespace {

/** How often threads are asked whether they have stopped: at first, and after many times. */
constexpr useconds_t kFirstPollUs = 10;
constexpr useconds_t kLastPollUs = 500;

/** Times as long for a thread that only lacks a processor: it runs, or has stopped since. */
constexpr int kPatience = 5;

/** Two looks in a row have to find no new thread: exits can hide one from a directory walk. */
constexpr int kQuietScans = 2;

std::vector<pid_t> ProcessesOf(pid_t pid, const std::vector<pid_t>& extra_tids) {
  std::vector<pid_t> processes = {pid};
  for (pid_t tid : extra_tids) {
    const pid_t process = StatusNumber(tid, "Tgid");
    const bool is_new = std::find(processes.begin(), processes.end(), process) == processes.end();
    if (process > 0 && is_new) processes.push_back(process);
  }
  return processes;
}

bool IsRunnable(pid_t tid) {
  const char state = ThreadState(tid);
  return state == 'R' || state == 't';
}

}  // namespace

std::unique_ptr<FrozenProcess> FrozenProcess::Freeze(pid_t pid,
                                                     const std::vector<pid_t>& extra_tids,
                                                     std::chrono::milliseconds timeout,
                                                     FreezeFailure* failure) {
  std::unique_ptr<FrozenProcess> frozen(new FrozenProcess());
  int error = 0;
  frozen->tracer_ = TracerThread::Start(&error);
  if (!frozen->tracer_) {
    failure->number = error;
    failure->syscall = "pthread_create";
    return nullptr;
  }
  bool is_stopped = false;
  frozen->tracer_->Run([&] {
    const Clock::time_point start = Clock::now();
    frozen->processes_ = ProcessesOf(pid, extra_tids);
    frozen->last_deadline_ = start + kPatience * timeout;
    is_stopped = frozen->StopAll(start + timeout);
    frozen->stop_time_ = Clock::now() - start;
  });
  if (is_stopped) return frozen;
  *failure = frozen->failure_;
  return nullptr;
}

std::unique_ptr<FrozenProcess> FrozenProcess::Adopt(std::unique_ptr<TracerThread> tracer, pid_t pid,
                                                    const std::vector<pid_t>& tids) {
  std::unique_ptr<FrozenProcess> frozen(new FrozenProcess());
  frozen->tracer_ = std::move(tracer);
  frozen->processes_ = {pid};
  for (const pid_t tid : tids) frozen->threads_.push_back({tid, State::kStopped});
  return frozen;
}

FrozenProcess::~FrozenProcess() {
  if (tracer_) tracer_->Run([this] { Release(); });
}

std::vector<pid_t> FrozenProcess::tids() const {
  std::vector<pid_t> tids;
  for (const Thread& thread : threads_)
    if (thread.state == State::kStopped) tids.push_back(thread.tid);
  return tids;
}

FrozenProcess::Thread* FrozenProcess::Find(pid_t tid) {
  for (Thread& thread : threads_)
    if (thread.tid == tid && thread.state == State::kStopped) return &thread;
  return nullptr;
}

/** A thread may start others until it stands, so look again until there are none. */
bool FrozenProcess::StopAll(Clock::time_point deadline) {
  for (int quiet = 0; quiet < kQuietScans;) {
    bool found = false;
    if (!SeizeNew(&found) || !WaitForStops(deadline)) return false;
    quiet = found ? 0 : quiet + 1;
  }
  return !tids().empty() || Fail(ESRCH, "ptrace(PTRACE_SEIZE)", processes_[0]);
}

bool FrozenProcess::SeizeNew(bool* found) {
  std::vector<pid_t> tids;
  for (pid_t process : processes_) {
    const int error = ListThreads(process, &tids);
    if (error == ESRCH) continue;
    if (error) return Fail(error, "opendir(/proc/PID/task)", process);
    for (pid_t tid : tids) {
      if (IsKnown(tid)) continue;
      *found = true;
      if (!SeizeThread(tid)) return false;
    }
  }
  return true;
}

bool FrozenProcess::SeizeThread(pid_t tid) {
  if (ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) == 0) {
    threads_.push_back({tid, State::kSeized});
    /* Fails only when the thread has exited, which Poll() finds out. */
    ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
    return true;
  }
  const int error = errno;
  /* A zombie (a first thread that left before the others) can't be seized and needn't be. */
  if (error == ESRCH || HasExited(tid)) {
    threads_.push_back({tid, State::kGone});
    return true;
  }
  return Fail(error, "ptrace(PTRACE_SEIZE)", tid);
}

bool FrozenProcess::WaitForStops(Clock::time_point deadline) {
  useconds_t pause = kFirstPollUs;
  for (;;) {
    for (Thread& thread : threads_) Poll(thread);
    const auto running = std::find_if(threads_.begin(), threads_.end(), [](const Thread& thread) {
      return thread.state == State::kSeized;
    });
    if (running == threads_.end()) return true;
    const Clock::time_point now = Clock::now();
    if (now >= deadline && (now >= last_deadline_ || !IsRunnable(running->tid)))
      return Fail(ETIMEDOUT, "ptrace(PTRACE_INTERRUPT)", running->tid);
    usleep(pause);
    pause = std::min(pause * 2, kLastPollUs);
  }
}

/**
 * Takes a thread's stop, if it has one. Takes no exit status: libuv waits for that of our own
 * children, and those of other threads vanish when the tracer ends.
 */
void FrozenProcess::Poll(Thread& thread) {
  if (thread.state != State::kSeized) return;
  siginfo_t info = {};
  /* Not WNOWAIT: libuv would find the stop of a child of ours and take it for its exit. */
  const int options = WSTOPPED | WNOHANG | __WALL | __WNOTHREAD;
  if (waitid(P_PID, thread.tid, &info, options) < 0 && errno != EINTR) {
    thread.state = State::kGone;
  } else if (info.si_pid == thread.tid) {
    thread.state = State::kStopped;
    /* Above the low byte is the ptrace event; without one the thread is about to get a signal. */
    const int signal = info.si_status & 0x7f;
    thread.signal = info.si_status >> 8 ? 0 : signal;
    if (thread.signal) ptrace(PTRACE_GETSIGINFO, thread.tid, nullptr, &thread.info);
    thread.stop_signal = info.si_status >> 8 && signal != SIGTRAP ? signal : 0;
  } else if (HasExited(thread.tid)) {
    thread.state = State::kGone;
  }
}

/** Lets go of what stands. The end of the tracer thread, right after, lets go of the rest. */
void FrozenProcess::Release() {
  for (const Thread& thread : threads_) {
    if (thread.state != State::kStopped) continue;
    /* Better without its siginfo than not at all. */
    if (thread.signal && thread.has_moved) syscall(SYS_tkill, thread.tid, thread.signal);
    ptrace(PTRACE_DETACH, thread.tid, nullptr, static_cast<intptr_t>(thread.signal));
  }
}

bool FrozenProcess::IsKnown(pid_t tid) const {
  return std::any_of(threads_.begin(), threads_.end(),
                     [tid](const Thread& thread) { return thread.tid == tid; });
}

bool FrozenProcess::Fail(int number, const char* syscall, pid_t tid) {
  failure_.number = number;
  failure_.syscall = syscall;
  failure_.tid = tid;
  failure_.state = ThreadState(tid);
  failure_.wchan = WaitChannel(tid);
  /* After any other failure the tracer is this very thread. */
  if (number == EPERM) failure_.tracer = StatusNumber(tid, "TracerPid");
  return false;
}
