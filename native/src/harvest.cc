// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/tracker.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <vector>

#include "session_call.h"

namespace {

/** Runs of the first call: 8 KiB, which is enough for most sessions. */
constexpr uint32_t kFirstRuns = 512;
/** Runs of each further call at least: 64 KiB. */
constexpr uint32_t kMoreRuns = 4096;

bool IsBefore(const tracker_run& a, const tracker_run& b) {
  return a.region != b.region ? a.region < b.region : a.page < b.page;
}

/**
 * Sorts runs by region and page and joins those that touch or overlap.
 * Return: region, first page and number of pages of each, one after the other.
 */
std::vector<double> JoinRuns(std::vector<tracker_run>& runs) {
  std::sort(runs.begin(), runs.end(), IsBefore);
  std::vector<double> joined;
  for (const tracker_run& run : runs) {
    const double region = run.region;
    const double page = run.page;
    const double end = page + run.nr_pages;
    double* last = joined.empty() ? nullptr : &joined[joined.size() - 3];
    if (last && last[0] == region && last[1] + last[2] >= page) {
      last[2] = std::max(last[2], end - last[1]);
    } else {
      joined.insert(joined.end(), {region, page, end - page});
    }
  }
  return joined;
}

class Harvest : public SessionCall {
 public:
  Harvest(int fd, uint32_t flags) : SessionCall(fd), flags_(flags) {}

 private:
  void Call() override {
    bool more = TakePart(kFirstRuns, flags_);
    while (more)
      more = TakePart(std::max<size_t>(kMoreRuns, runs_.size()), flags_ | TRACKER_HARVEST_CONTINUE);
    if (HasFailed()) return PutBack();
    joined_ = JoinRuns(runs_);
    for (size_t i = 2; i < joined_.size(); i += 3) nr_pages_ += joined_[i];
  }

  /** Return: the log has more. */
  bool TakePart(uint32_t capacity, uint32_t flags) {
    const size_t nr_before = runs_.size();
    runs_.resize(nr_before + capacity);
    tracker_harvest args = {};
    args.runs_addr = reinterpret_cast<uintptr_t>(runs_.data() + nr_before);
    args.nr_runs = capacity;
    args.flags = flags;
    if (!Ioctl(TRACKER_IOC_HARVEST, "TRACKER_IOC_HARVEST", &args)) return false;
    has_begun_ = true;
    epoch_ = args.epoch;
    nr_pinned_ += args.nr_pinned;
    /* Each part says it of the whole harvest. */
    nr_rescans_ = args.nr_rescans;
    overflow_ |= args.overflow != 0;
    runs_.resize(nr_before + std::min(args.nr_runs, capacity));
    if (args.more && args.nr_runs == 0) Fail(EIO, "ioctl(TRACKER_IOC_HARVEST)", "an endless log");
    return args.more && !HasFailed();
  }

  /** Half a harvest is of no use to anyone: its pages go back into the log at once. */
  void PutBack() {
    tracker_epoch args = {};
    args.epoch = epoch_;
    if (has_begun_) ioctl(fd(), TRACKER_IOC_ABORT, &args);
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("epoch", static_cast<double>(epoch_));
    result.Set("nrPages", nr_pages_);
    result.Set("nrPinned", static_cast<double>(nr_pinned_));
    result.Set("nrRescans", static_cast<double>(nr_rescans_));
    result.Set("overflow", overflow_);
    result.Set("runs", Float64ArrayOf(env, joined_));
    return result;
  }

  const uint32_t flags_;
  std::vector<tracker_run> runs_;
  std::vector<double> joined_;
  bool has_begun_ = false;
  bool overflow_ = false;
  uint64_t epoch_ = 0;
  uint64_t nr_pinned_ = 0;
  uint64_t nr_rescans_ = 0;
  double nr_pages_ = 0;
};

}  // namespace

std::unique_ptr<SessionCall> MakeHarvest(int fd, uint32_t flags) {
  return std::make_unique<Harvest>(fd, flags);
}
