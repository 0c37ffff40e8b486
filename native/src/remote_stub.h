// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "errno_error.h"
#include "freeze.h"
#include "page_runs.h"
#include "remote_call.h"
#include "tracer_thread.h"
#include "unique_fd.h"

/** Where a stub is made. */
struct StubOptions {
  pid_t pid;         /* of the process, in its innermost pid namespace */
  uint64_t base;     /* the trampoline's address, where neither this process nor the images map */
  size_t area_bytes; /* of the argument area behind the trampoline's page */
  /** start the init of a new pid namespace, which is told to make the process */
  bool is_in_namespace;
  std::vector<int> kept_fds; /* of this process, that the stub keeps at the same numbers */
};

/** The state that a thread shall go on with. */
struct ThreadEnd {
  pid_t tid;
  user_regs_struct regs;
  std::vector<uint8_t> xstate;
  uint64_t signal_mask;
};

/**
 * A process that is being made into another one by system calls that this process tells it to run,
 * and those that it forks, and they: a thread's id says whose calls they are. Its memory is that of
 * this process until those calls have replaced it; then all that is left of it is the trampoline,
 * one page with a system call instruction, and the argument area behind it, which all of them map.
 * They are killed with the object, and when this process dies, until they have been let go. Every
 * member runs on the tracer thread, and blocks.
 */
class RemoteStub {
 public:
  static std::unique_ptr<RemoteStub> Start(const StubOptions& options, ErrnoFailure* failure);
  ~RemoteStub();

  RemoteStub(const RemoteStub&) = delete;
  RemoteStub& operator=(const RemoteStub&) = delete;

  /** By the tracer's pid namespace. */
  pid_t pid() const { return pid_; }
  /** Where the init of the namespace writes the siginfo of the process' end: to be taken, or -1. */
  int TakeStatus() { return status_.release(); }
  /** What that one writes to, at the same number in it and in the process, or -1. */
  int reaper_fd() const { return reaper_status_.get(); }
  uint8_t* area() const { return area_; }
  size_t area_bytes() const { return area_bytes_; }

  /** Runs calls until one fails; the last result is its -errno then. */
  bool Run(pid_t tid, const std::vector<RemoteCall>& calls, std::vector<int64_t>* results,
           std::vector<pid_t>* children, ErrnoFailure* failure);

  /**
   * Lets a process read pages from its file descriptor `fd` straight into its own memory. `runs`:
   * page, page of the file, number of pages; and so on. Fails with EIO where the file ends too
   * early.
   */
  bool ReadPages(pid_t tid, int fd, const std::vector<tracker::PageRun>& runs,
                 ErrnoFailure* failure);

  /**
   * Ends a process that it has made, with a status as wait() tells it: a signal, or an exit code
   * above the low byte. Its parent gets to know.
   */
  bool End(pid_t tid, int status, ErrnoFailure* failure);

  /**
   * Takes trampoline and area away from a process, whose threads stand with what they shall be
   * then; with `stop_signal` (SIGSTOP), they are going to stand until somebody sends SIGCONT.
   */
  bool Settle(const std::vector<ThreadEnd>& threads, int stop_signal, ErrnoFailure* failure);
  /** Lets everything go on that is settled, at once. */
  bool Release(ErrnoFailure* failure);
  /**
   * Settles a process, the only one, which then stands in the hands of the tracer thread that is
   * handed over. Null on a failure. Nothing can be done with the stub afterwards.
   */
  std::unique_ptr<FrozenProcess> Hold(const std::vector<ThreadEnd>& threads, int stop_signal,
                                      ErrnoFailure* failure);

  /** Ends all that it has made, unless that has been let go. A second call does nothing. */
  void Kill();

  /** Runs work on the tracer thread: whatever calls the members above. */
  void OnTracer(const std::function<void()>& work) {
    if (tracer_) tracer_->Run(work);
  }

 private:
  RemoteStub() = default;
  bool Clone(const StubOptions& options, ErrnoFailure* failure);
  bool MapArea(size_t bytes, ErrnoFailure* failure);
  bool Attach(ErrnoFailure* failure);
  bool MakeStatusPipe(ErrnoFailure* failure);
  bool SettleThread(const ThreadEnd& end, ErrnoFailure* failure);
  bool FinishReaper(ErrnoFailure* failure);
  bool RunToExit(pid_t tid, int signal, ErrnoFailure* failure);
  bool Populate(pid_t tid, const iovec* parts, size_t nr_parts, ErrnoFailure* failure);
  bool ReadAhead(pid_t tid, int fd, uint64_t offset, uint64_t bytes, ErrnoFailure* failure);
  bool MustCall(pid_t tid, const RemoteCall& call, ErrnoFailure* failure);
  bool Call(pid_t tid, const RemoteCall& call, RemoteOutcome* outcome, ErrnoFailure* failure);
  bool ForgetRseq(ErrnoFailure* failure);
  bool TakeChild(pid_t tid, ErrnoFailure* failure);

  std::unique_ptr<TracerThread> tracer_;
  UniqueFd memory_;
  UniqueFd status_;
  UniqueFd reaper_status_;
  uint64_t base_ = 0;
  pid_t pid_ = 0;     /* whom it has started */
  pid_t process_ = 0; /* as itself knows it */
  bool is_released_ = false;
  uint8_t* area_ = nullptr;
  size_t area_bytes_ = 0;
  /** what a call begins with, by thread: all that it has made */
  std::map<pid_t, user_regs_struct> bases_;
  std::vector<pid_t> settled_;
  std::vector<pid_t> ended_; /* those that it has ended, which may wait to be collected */
};
