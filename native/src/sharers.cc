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
    uint32_t capacity = 64;
    for (;;) {
      pids_.resize(capacity);
      tracker_sharers args = {};
      args.start = start_;
      args.pids_addr = reinterpret_cast<uintptr_t>(pids_.data());
      args.nr_pids = capacity;
      if (!Ioctl(TRACKER_IOC_SHARERS, "TRACKER_IOC_SHARERS", &args)) return;
      if (args.nr_pids <= capacity) return pids_.resize(args.nr_pids);
      /* More processes may map it until the next call: leave room for them. */
      capacity = args.nr_pids + args.nr_pids / 8 + 16;
    }
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
