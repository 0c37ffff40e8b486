// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/tracker.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "session_call.h"

namespace {

/** Runs of one call at most: 1.5 MiB. */
constexpr uint32_t kMaxRunsPerCall = 65536;

/** What one call has listed, and the fd that its donors are read from. */
struct Part {
  UniqueFd fd;
  std::vector<tracker_donor_run> runs;
};

class Donors : public SessionCall {
 public:
  Donors(int fd, const Napi::Float64Array& runs) : SessionCall(fd) {
    for (size_t i = 0; i + 2 < runs.ElementLength(); i += 3) {
      runs_.push_back({static_cast<__u64>(runs[i + 1]), static_cast<__u32>(runs[i]),
                       static_cast<__u32>(runs[i + 2])});
      nr_pages_ += runs_.back().nr_pages;
    }
  }

 private:
  void Call() override {
    tracker_donors args = {};
    args.runs_addr = reinterpret_cast<uintptr_t>(runs_.data());
    args.nr_runs = static_cast<__u32>(runs_.size());
    while (args.next_run < args.nr_runs && TakePart(&args)) continue;
  }

  bool TakePart(tracker_donors* args) {
    /* The module wants room for two more than it lists. */
    const uint32_t capacity = std::min<uint64_t>(nr_pages_ + 2, kMaxRunsPerCall);
    std::vector<tracker_donor_run> found(capacity);
    args->donors_addr = reinterpret_cast<uintptr_t>(found.data());
    args->nr_donors = capacity;
    if (!Ioctl(TRACKER_IOC_DONORS, "TRACKER_IOC_DONORS", args)) return false;
    UniqueFd fd(args->fd);
    found.resize(std::min(args->nr_donors, capacity));
    if (!found.empty()) parts_.push_back({std::move(fd), std::move(found)});
    return true;
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array parts = Napi::Array::New(env, parts_.size());
    for (uint32_t i = 0; i < parts_.size(); i++) {
      std::vector<double> rows;
      for (const tracker_donor_run& run : parts_[i].runs) {
        rows.insert(rows.end(), {static_cast<double>(run.region), static_cast<double>(run.page),
                                 static_cast<double>(run.nr_pages), static_cast<double>(run.id)});
      }
      Napi::Object part = Napi::Object::New(env);
      part.Set("fd", parts_[i].fd.release());
      part.Set("runs", Float64ArrayOf(env, rows));
      parts.Set(i, part);
    }
    return parts;
  }

  std::vector<tracker_run> runs_;
  uint64_t nr_pages_ = 0;
  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<SessionCall> MakeDonors(int fd, const Napi::Float64Array& runs) {
  return std::make_unique<Donors>(fd, runs);
}
