// SPDX-License-Identifier: Apache-2.0
#include <linux/tracker.h>

#include <vector>

#include "session_worker.h"

namespace {

class SharersWorker : public SessionWorker {
 public:
  SharersWorker(Napi::Env env, int fd, double start_page)
      : SessionWorker(env, fd), start_(static_cast<uint64_t>(start_page) << TRACKER_PAGE_SHIFT) {}

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

Napi::Promise StartSharers(Napi::Env env, int fd, double start_page) {
  return (new SharersWorker(env, fd, start_page))->Start();
}
