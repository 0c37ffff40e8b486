// SPDX-License-Identifier: Apache-2.0
#include <linux/tracker.h>

#include <vector>

#include "session_call.h"

namespace {

class Sharers : public SessionCall {
 public:
  Sharers(int fd, double start_page)
      : SessionCall(fd), start_(static_cast<uint64_t>(start_page) << TRACKER_PAGE_SHIFT) {}

 private:
  void Call() override {
    FillArray(&pids_, 64, [this](uintptr_t address, uint32_t length) -> int64_t {
      tracker_sharers args = {};
      args.start = start_;
      args.pids_addr = address;
      args.nr_pids = length;
      if (!Ioctl(TRACKER_IOC_SHARERS, "TRACKER_IOC_SHARERS", &args)) return -1;
      return args.nr_pids;
    });
  }

  Napi::Value Result(Napi::Env env) override {
    return Float64ArrayOf(env, std::vector<double>(pids_.begin(), pids_.end()));
  }

  const uint64_t start_;
  std::vector<__s32> pids_;
};

}  // namespace

std::unique_ptr<SessionCall> MakeSharers(int fd, double start_page) {
  return std::make_unique<Sharers>(fd, start_page);
}
