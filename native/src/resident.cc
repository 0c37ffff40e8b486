// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/tracker.h>

#include <algorithm>
#include <vector>

#include "session_call.h"

namespace {

/** Runs of the first call, and of further ones. */
constexpr size_t kFirstRuns = 64;
constexpr size_t kMoreRuns = 4096;

class Resident : public SessionCall {
 public:
  Resident(int fd, const Napi::Float64Array& page_pairs)
      : SessionCall(fd),
        page_pairs_(page_pairs.Data(), page_pairs.Data() + page_pairs.ElementLength()),
        part_(kFirstRuns) {}

 private:
  void Call() override {
    for (size_t i = 0; i + 1 < page_pairs_.size() && !HasFailed(); i += 2)
      AddRange(i / 2, static_cast<uint64_t>(page_pairs_[i]) << TRACKER_PAGE_SHIFT,
               static_cast<uint64_t>(page_pairs_[i + 1]) << TRACKER_PAGE_SHIFT);
  }

  void AddRange(double index, uint64_t start, uint64_t end) {
    while (start < end) {
      tracker_resident args = {};
      args.start = start;
      args.end = end;
      args.runs_addr = reinterpret_cast<uintptr_t>(part_.data());
      args.nr_runs = part_.size();
      if (!Ioctl(TRACKER_IOC_RESIDENT, "TRACKER_IOC_RESIDENT", &args)) return;
      for (uint32_t i = 0; i < args.nr_runs && i < part_.size(); i++) Append(index, part_[i]);
      if (args.start <= start) return Fail(EIO, "ioctl(TRACKER_IOC_RESIDENT)", "an endless range");
      start = args.start;
      if (start < end) part_.resize(kMoreRuns);
    }
  }

  void Append(double index, const tracker_resident_run& run) {
    const double page = run.start >> TRACKER_PAGE_SHIFT;
    const double flags = run.flags;
    double* last = runs_.empty() ? nullptr : &runs_[runs_.size() - 4];
    if (last && last[0] == index && last[1] + last[2] == page && last[3] == flags) {
      last[2] += run.nr_pages;
    } else {
      runs_.insert(runs_.end(), {index, page, static_cast<double>(run.nr_pages), flags});
    }
  }

  Napi::Value Result(Napi::Env env) override { return Float64ArrayOf(env, runs_); }

  const std::vector<double> page_pairs_;
  std::vector<tracker_resident_run> part_;
  std::vector<double> runs_;
};

}  // namespace

std::unique_ptr<SessionCall> MakeResident(int fd, const Napi::Float64Array& page_pairs) {
  return std::make_unique<Resident>(fd, page_pairs);
}
