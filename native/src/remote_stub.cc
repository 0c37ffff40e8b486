// SPDX-License-Identifier: Apache-2.0
#include "remote_stub.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tracee_state.h"
#include "trampoline.h"

namespace {

constexpr size_t kPageSize = 4096;
/** Results above it are errors, as in the kernel (MAX_ERRNO). */
constexpr int64_t kMaxErrno = 4095;
/** RSEQ_FLAG_UNREGISTER */
constexpr uint64_t kRseqUnregister = 1;
constexpr int kTracedEvents = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                              PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;

bool FailCall(ErrnoFailure* failure, int number, const std::string& syscall,
              const std::string& context) {
  *failure = {number, syscall, context};
  return false;
}

std::string NameOf(pid_t tid) { return "process " + std::to_string(tid); }

/** Closes what the stub shall not have. `kept` is sorted. */
void CloseOthers(const std::vector<int>& kept) {
  unsigned int next = 0;
  for (const int fd : kept) {
    const unsigned int number = static_cast<unsigned int>(fd);
    if (number > next) syscall(SYS_close_range, next, number - 1, 0);
    next = number + 1;
  }
  syscall(SYS_close_range, next, ~0U, 0);
}

/**
 * What the new process does by itself: this is a copy of a process with many threads, so nothing
 * that takes a lock or memory may be called. Its exit status says at which step it has failed.
 */
[[noreturn]] void BeStub(uint64_t base, size_t area_bytes, int memory,
                         const std::vector<int>& kept) {
  const auto address = reinterpret_cast<void*>(base);
  const auto area = reinterpret_cast<void*>(base + kPageSize);
  const int flags = MAP_SHARED | MAP_FIXED_NOREPLACE;
  if (mmap(address, kPageSize, PROT_READ | PROT_EXEC, flags, memory, 0) != address) _exit(1);
  if (mmap(area, area_bytes, PROT_READ | PROT_WRITE, flags, memory, kPageSize) != area) _exit(2);
  CloseOthers(kept);
  for (;;) syscall(SYS_pause);
}

}  // namespace

std::unique_ptr<RemoteStub> RemoteStub::Start(const StubOptions& options, ErrnoFailure* failure) {
  std::unique_ptr<RemoteStub> stub(new RemoteStub());
  int error = 0;
  stub->tracer_ = TracerThread::Start(&error);
  if (!stub->tracer_) {
    FailCall(failure, error, "pthread_create", "the tracer");
    return nullptr;
  }
  if (!stub->MapArea(options.area_bytes, failure)) return nullptr;
  if (options.is_in_namespace && !stub->MakeStatusPipe(failure)) return nullptr;
  bool is_started = false;
  stub->OnTracer([&] { is_started = stub->Clone(options, failure) && stub->Attach(failure); });
  return is_started ? std::move(stub) : nullptr;
}

RemoteStub::~RemoteStub() {
  if (tracer_) OnTracer([this] { Kill(); });
  if (area_) munmap(area_, area_bytes_);
}

bool RemoteStub::MapArea(size_t bytes, ErrnoFailure* failure) {
  memory_ = UniqueFd(memfd_create("tracker-arguments", MFD_CLOEXEC));
  const off_t length = static_cast<off_t>(kPageSize + bytes);
  const auto code_bytes = static_cast<size_t>(tracker_trampoline_end - tracker_trampoline);
  if (!memory_ || ftruncate(memory_.get(), length) != 0 ||
      pwrite(memory_.get(), tracker_trampoline, code_bytes, 0) < 0)
    return FailCall(failure, errno, "memfd_create", "the argument area");
  void* const area =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), kPageSize);
  if (area == MAP_FAILED) return FailCall(failure, errno, "mmap", "the argument area");
  area_ = static_cast<uint8_t*>(area);
  area_bytes_ = bytes;
  return true;
}

bool RemoteStub::MakeStatusPipe(ErrnoFailure* failure) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return FailCall(failure, errno, "pipe2", "the exit status");
  status_ = UniqueFd(ends[0]);
  reaper_status_ = UniqueFd(ends[1]);
  return true;
}

bool RemoteStub::Clone(const StubOptions& options, ErrnoFailure* failure) {
  base_ = options.base;
  process_ = options.pid;
  std::vector<int> kept = options.kept_fds;
  if (reaper_status_) kept.push_back(reaper_status_.get());
  std::sort(kept.begin(), kept.end());
  const pid_t set_tid[] = {options.is_in_namespace ? 1 : options.pid};
  clone_args args = {};
  args.flags = CLONE_CLEAR_SIGHAND;
  if (options.is_in_namespace) args.flags |= CLONE_NEWPID | CLONE_NEWNS;
  args.exit_signal = SIGCHLD;
  args.set_tid = reinterpret_cast<uintptr_t>(set_tid);
  args.set_tid_size = 1;
  const long pid = syscall(SYS_clone3, &args, sizeof(args));
  if (pid == 0) BeStub(base_, area_bytes_, memory_.get(), kept);
  if (pid < 0) return FailCall(failure, errno, "clone3", NameOf(options.pid));
  pid_ = static_cast<pid_t>(pid);
  return true;
}

/** Waits until it has made its mappings, which it does before it pauses. */
bool RemoteStub::Attach(ErrnoFailure* failure) {
  if (ptrace(PTRACE_SEIZE, pid_, nullptr, kTracedEvents) != 0)
    return FailCall(failure, errno, "ptrace(PTRACE_SEIZE)", NameOf(pid_));
  for (;;) {
    int status = 0;
    user_regs_struct regs = {};
    if (ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr) != 0 ||
        WaitForTracee(pid_, &status) != 0 || ptrace(PTRACE_GETREGS, pid_, nullptr, &regs) != 0)
      return FailCall(failure, ESRCH, "clone3", NameOf(pid_) + ", which has not come up");
    if (regs.orig_rax == SYS_pause) return TakeChild(pid_, failure) && ForgetRseq(failure);
    ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
    usleep(50);
  }
}

/** It lies in memory that goes; the kernel would kill the stub when it finds it gone. */
bool RemoteStub::ForgetRseq(ErrnoFailure* failure) {
  TraceeState state = {};
  if (!ReadTraceeState(pid_, &state, failure)) return false;
  if (state.rseq.pointer == 0) return true;
  const RemoteCall call = {
      SYS_rseq, {state.rseq.pointer, state.rseq.size, kRseqUnregister, state.rseq.signature, 0, 0}};
  RemoteOutcome outcome;
  if (!Call(pid_, call, &outcome, failure)) return false;
  if (outcome.result == 0) return true;
  return FailCall(failure, static_cast<int>(-outcome.result), "rseq", NameOf(pid_));
}

/** Blocks the signals of a process or thread that stands, and notes what its calls begin with. */
bool RemoteStub::TakeChild(pid_t tid, ErrnoFailure* failure) {
  user_regs_struct regs = {};
  if (ptrace(PTRACE_GETREGS, tid, nullptr, &regs) != 0)
    return FailCall(failure, errno, "ptrace(PTRACE_GETREGS)", NameOf(tid));
  if (const int error = SetSignalMask(tid, ~uint64_t{0}))
    return FailCall(failure, error, "ptrace(PTRACE_SETSIGMASK)", NameOf(tid));
  bases_[tid] = regs;
  return true;
}

bool RemoteStub::Call(pid_t tid, const RemoteCall& call, RemoteOutcome* outcome,
                      ErrnoFailure* failure) {
  const auto base = bases_.find(tid);
  if (base == bases_.end()) return FailCall(failure, ESRCH, "ptrace", NameOf(tid));
  const int error = RunRemoteCall(tid, base_, base->second, call, outcome);
  if (error) return FailCall(failure, error, "ptrace(PTRACE_SYSCALL)", NameOf(tid));
  return true;
}

bool RemoteStub::MustCall(pid_t tid, const RemoteCall& call, ErrnoFailure* failure) {
  RemoteOutcome outcome;
  if (!Call(tid, call, &outcome, failure)) return false;
  if (outcome.result >= 0 || outcome.result < -kMaxErrno) return true;
  return FailCall(failure, static_cast<int>(-outcome.result),
                  "system call " + std::to_string(call.number), NameOf(tid));
}

bool RemoteStub::Run(pid_t tid, const std::vector<RemoteCall>& calls, std::vector<int64_t>* results,
                     std::vector<pid_t>* children, ErrnoFailure* failure) {
  for (const RemoteCall& call : calls) {
    RemoteOutcome outcome;
    if (!Call(tid, call, &outcome, failure)) return false;
    results->push_back(outcome.result);
    if (outcome.result < 0 && outcome.result >= -kMaxErrno) return true;
    if (!outcome.child) continue;
    int status = 0;
    if (WaitForTracee(outcome.child, &status) != 0)
      return FailCall(failure, ESRCH, "clone3", NameOf(outcome.child));
    if (!TakeChild(outcome.child, failure)) return false;
    children->push_back(outcome.child);
  }
  return true;
}

bool RemoteStub::SettleThread(const ThreadEnd& end, ErrnoFailure* failure) {
  RemoteOutcome outcome;
  if (const int error = SettleTracee(end.tid, &outcome))
    return FailCall(failure, error, "ptrace(PTRACE_INTERRUPT)", NameOf(end.tid));
  return WriteTraceeState(end.tid, end.regs, end.xstate, end.signal_mask, failure);
}

bool RemoteStub::Settle(const std::vector<ThreadEnd>& threads, int stop_signal,
                        ErrnoFailure* failure) {
  if (threads.empty()) return FailCall(failure, ESRCH, "ptrace", NameOf(pid_));
  const pid_t first = threads.front().tid;
  if (!MustCall(first, {SYS_munmap, {base_, kPageSize + area_bytes_, 0, 0, 0, 0}}, failure))
    return false;
  for (const ThreadEnd& end : threads) {
    if (!SettleThread(end, failure)) return false;
    settled_.push_back(end.tid);
  }
  if (stop_signal) kill(first, stop_signal);
  return !reaper_status_ || FinishReaper(failure);
}

bool RemoteStub::Release(ErrnoFailure* failure) {
  for (size_t i = 0; i < settled_.size(); i++) {
    /* From the first one on there is no way back: one that has been killed by now is as if it had
     * been killed a little later. */
    if (ptrace(PTRACE_DETACH, settled_[i], nullptr, nullptr) != 0 && i == 0)
      return FailCall(failure, errno, "ptrace(PTRACE_DETACH)", NameOf(settled_[i]));
  }
  is_released_ = true;
  return true;
}

std::unique_ptr<FrozenProcess> RemoteStub::Hold(const std::vector<ThreadEnd>& threads,
                                                int stop_signal, ErrnoFailure* failure) {
  if (!Settle(threads, stop_signal, failure)) return nullptr;
  std::vector<pid_t> tids;
  for (const ThreadEnd& end : threads) {
    /* From now on it survives this process, as everything does that is frozen. */
    if (ptrace(PTRACE_SETOPTIONS, end.tid, nullptr, nullptr) != 0) {
      FailCall(failure, errno, "ptrace(PTRACE_SETOPTIONS)", NameOf(end.tid));
      return nullptr;
    }
    tids.push_back(end.tid);
  }
  is_released_ = true;
  return FrozenProcess::Adopt(std::move(tracer_), tids.front(), tids);
}

/** It goes on by itself before the process does: nobody else reaps what that leaves. */
bool RemoteStub::FinishReaper(ErrnoFailure* failure) {
  const uint64_t area = base_ + kPageSize;
  if (!MustCall(pid_, {SYS_munmap, {area + kPageSize, area_bytes_ - kPageSize, 0, 0, 0, 0}},
                failure))
    return false;
  RemoteOutcome outcome;
  if (const int error = SettleTracee(pid_, &outcome))
    return FailCall(failure, error, "ptrace(PTRACE_INTERRUPT)", NameOf(pid_));
  user_regs_struct regs = bases_[pid_];
  regs.orig_rax = static_cast<uint64_t>(-1);
  regs.rip = base_ + kReaperOffset;
  regs.rsp = area;
  regs.r12 = static_cast<uint64_t>(process_);
  regs.r13 = static_cast<uint64_t>(reaper_status_.get());
  if (!WriteTraceeState(pid_, regs, {}, 0, failure)) return false;
  if (ptrace(PTRACE_DETACH, pid_, nullptr, nullptr) != 0)
    return FailCall(failure, errno, "ptrace(PTRACE_DETACH)", NameOf(pid_));
  /* Its end of the pipe is the last one: when it dies, whoever reads finds out. */
  reaper_status_ = UniqueFd();
  return true;
}

bool RemoteStub::End(pid_t tid, int status, ErrnoFailure* failure) {
  const int signal = WTERMSIG(status);
  if (bases_.find(tid) == bases_.end()) return FailCall(failure, ESRCH, "ptrace", NameOf(tid));
  if (signal == 0) {
    user_regs_struct regs = bases_[tid];
    regs.rip = base_;
    regs.rax = SYS_exit_group;
    regs.orig_rax = static_cast<uint64_t>(-1);
    regs.rdi = static_cast<uint64_t>(WEXITSTATUS(status));
    if (ptrace(PTRACE_SETREGS, tid, nullptr, &regs) != 0)
      return FailCall(failure, errno, "ptrace(PTRACE_SETREGS)", NameOf(tid));
  } else if (SetSignalMask(tid, 0) != 0 || kill(tid, signal) != 0) {
    return FailCall(failure, errno, "kill", NameOf(tid));
  }
  if (!RunToExit(tid, signal, failure)) return false;
  bases_.erase(tid);
  ended_.push_back(tid);
  return true;
}

/** Lets it go on until it has ended, which its parent learns when this thread has seen it. */
bool RemoteStub::RunToExit(pid_t tid, int signal, ErrnoFailure* failure) {
  int status = 0;
  for (int sent = 0;;) {
    if (ptrace(PTRACE_CONT, tid, nullptr, sent) != 0 && errno != ESRCH)
      return FailCall(failure, errno, "ptrace(PTRACE_CONT)", NameOf(tid));
    pid_t found = 0;
    do {
      found = waitpid(tid, &status, __WALL | __WNOTHREAD);
    } while (found < 0 && errno == EINTR);
    if (found < 0) return FailCall(failure, errno, "waitpid", NameOf(tid));
    if (!WIFSTOPPED(status)) return true;
    const bool is_delivery = status >> 16 == 0 && WSTOPSIG(status) == signal;
    sent = is_delivery ? signal : 0;
  }
}

void RemoteStub::Kill() {
  if (is_released_ || pid_ == 0) return;
  /* Whoever else would get the children of those that die may not reap them. */
  int was_reaper = 0;
  prctl(PR_GET_CHILD_SUBREAPER, &was_reaper, 0, 0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  kill(pid_, SIGKILL);
  for (const auto& made : bases_) kill(made.first, SIGKILL);
  /* A first thread's exit is seen when the others have gone, an init's when all of its namespace
   * have, and this thread, which traces them all, has to see each; it has no other children. */
  while (waitpid(-1, nullptr, __WALL | __WNOTHREAD) > 0 || errno == EINTR) {
  }
  /* Those that others have forked are children of this process now, to be seen once more. */
  for (const auto& made : bases_) ended_.push_back(made.first);
  for (const pid_t tid : ended_) {
    while (waitpid(tid, nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }
  prctl(PR_SET_CHILD_SUBREAPER, was_reaper, 0, 0, 0);
  bases_.clear();
  pid_ = 0;
}
