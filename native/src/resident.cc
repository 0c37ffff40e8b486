// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/tracker.h>

#include <vector>

#include "session_worker.h"

namespace {

constexpr uint32_t kRunsPerCall = 4096;

class ResidentWorker : public SessionWorker {
 public:
  ResidentWorker(Napi::Env env, int fd, double start_page, double end_page)
      : SessionWorker(env, fd),
        start_(static_cast<uint64_t>(start_page) << TRACKER_PAGE_SHIFT),
        end_(static_cast<uint64_t>(end_page) << TRACKER_PAGE_SHIFT) {}

 private:
  void Call() override {
    std::vector<tracker_resident_run> part(kRunsPerCall);
    uint64_t start = start_;
    while (start < end_) {
      tracker_resident args = {};
      args.start = start;
      args.end = end_;
      args.runs_addr = reinterpret_cast<uintptr_t>(part.data());
      args.nr_runs = kRunsPerCall;
      if (!Ioctl(TRACKER_IOC_RESIDENT, "TRACKER_IOC_RESIDENT", &args)) return;
      for (uint32_t i = 0; i < args.nr_runs && i < kRunsPerCall; i++) Append(part[i]);
      if (args.start <= start) return Fail(EIO, "ioctl(TRACKER_IOC_RESIDENT)", "an endless range");
      start = args.start;
    }
  }

  void Append(const tracker_resident_run& run) {
    const double page = run.start >> TRACKER_PAGE_SHIFT;
    const double flags = run.flags;
    double* last = runs_.empty() ? nullptr : &runs_[runs_.size() - 3];
    if (last && last[0] + last[1] == page && last[2] == flags) {
      last[1] += run.nr_pages;
    } else {
      runs_.insert(runs_.end(), {page, static_cast<double>(run.nr_pages), flags});
    }
  }

  Napi::Value Result(Napi::Env env) override { return Float64ArrayOf(env, runs_); }

  const uint64_t start_;
  const uint64_t end_;
  std::vector<double> runs_;
};

}  // namespace

Napi::Promise StartResident(Napi::Env env, int fd, double start_page, double end_page) {
  return (new ResidentWorker(env, fd, start_page, end_page))->Start();
}
