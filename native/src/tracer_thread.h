// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

/**
 * A thread that ptraces. ptrace is bound to its thread, and only the end of that thread releases a
 * tracee that is not in a ptrace stop (asleep in the kernel, or a zombie): so every freeze gets a
 * thread of its own, whose end leaves nothing behind.
 */
class TracerThread {
 public:
  /** Null when the system has no thread left; *error is an errno then. */
  static std::unique_ptr<TracerThread> Start(int* error);

  /** Ends the thread. Every tracee it still had is released when this returns. */
  ~TracerThread();

  TracerThread(const TracerThread&) = delete;
  TracerThread& operator=(const TracerThread&) = delete;

  /** Runs work on the thread and returns when it is done. */
  void Run(const std::function<void()>& work);

 private:
  TracerThread() = default;
  static void* Main(void* self);
  void Serve();

  pthread_t thread_ = 0;
  std::mutex mutex_; /* protects everything below */
  std::condition_variable changed_;
  const std::function<void()>* work_ = nullptr;
  bool is_ending_ = false;
  pid_t tid_ = 0;
};
