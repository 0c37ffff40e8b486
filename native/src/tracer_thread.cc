// SPDX-License-Identifier: Apache-2.0
#include "tracer_thread.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>

namespace {

using Clock = std::chrono::steady_clock;

/** Far more than the kernel needs between waking pthread_join and releasing the tracees. */
constexpr std::chrono::seconds kExitBound(5);

}  // namespace

std::unique_ptr<TracerThread> TracerThread::Start(int* error) {
  std::unique_ptr<TracerThread> tracer(new TracerThread());
  /* Node's signal handlers belong on its own threads. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  *error = pthread_create(&tracer->thread_, nullptr, Main, tracer.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (*error) {
    tracer->thread_ = 0;
    return nullptr;
  }
  return tracer;
}

TracerThread::~TracerThread() {
  if (!thread_) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  pthread_join(thread_, nullptr);
  /*
   * The kernel wakes pthread_join in exit_mm() and releases the tracees afterwards, in
   * exit_notify(). The thread's id is gone after both.
   */
  const auto deadline = Clock::now() + kExitBound;
  while (syscall(SYS_tgkill, getpid(), tid_, 0) == 0 && Clock::now() < deadline) usleep(20);
}

void TracerThread::Run(const std::function<void()>& work) {
  std::unique_lock<std::mutex> lock(mutex_);
  /* One at a time: an exit may thaw while a swap is under way. */
  changed_.wait(lock, [this] { return work_ == nullptr; });
  bool is_done = false;
  const std::function<void()> counted = [&] {
    work();
    is_done = true;
  };
  work_ = &counted;
  changed_.notify_all();
  changed_.wait(lock, [&] { return is_done && work_ != &counted; });
}

void* TracerThread::Main(void* self) {
  static_cast<TracerThread*>(self)->Serve();
  return nullptr;
}

void TracerThread::Serve() {
  std::unique_lock<std::mutex> lock(mutex_);
  tid_ = static_cast<pid_t>(syscall(SYS_gettid));
  for (;;) {
    changed_.wait(lock, [this] { return work_ != nullptr || is_ending_; });
    if (work_ == nullptr) return;
    (*work_)();
    work_ = nullptr;
    changed_.notify_all();
  }
}
