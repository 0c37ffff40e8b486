// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/tracker.h>

#include <vector>

#include "session_worker.h"

namespace {

class SwapWorker : public SessionWorker {
 public:
  SwapWorker(Napi::Env env, int fd, const Napi::Float64Array& page_pairs) : SessionWorker(env, fd) {
    for (size_t i = 0; i + 1 < page_pairs.ElementLength(); i += 2) {
      ranges_.push_back({static_cast<__u64>(page_pairs[i]) << TRACKER_PAGE_SHIFT,
                         static_cast<__u64>(page_pairs[i + 1]) << TRACKER_PAGE_SHIFT});
    }
  }

 private:
  void Call() override {
    args_.ranges_addr = reinterpret_cast<uintptr_t>(ranges_.data());
    args_.nr_ranges = ranges_.size();
    Ioctl(TRACKER_IOC_SWAP, "TRACKER_IOC_SWAP", &args_);
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("nrDone", args_.nr_done);
    result.Set("nrPages", static_cast<double>(args_.nr_pages));
    return result;
  }

  void Describe(Napi::Env env, Napi::Error& error) override {
    error.Set("nrDone", Napi::Number::New(env, args_.nr_done));
    error.Set("nrPages", Napi::Number::New(env, args_.nr_pages));
    if (failure_number() == EBUSY) error.Set("busyTid", Napi::Number::New(env, args_.busy_tid));
  }

  std::vector<tracker_range> ranges_;
  tracker_swap args_ = {};
};

class RevertWorker : public SessionWorker {
 public:
  RevertWorker(Napi::Env env, int fd) : SessionWorker(env, fd) {}

 private:
  void Call() override { Ioctl(TRACKER_IOC_REVERT, "TRACKER_IOC_REVERT", &args_); }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("nrVmas", static_cast<double>(args_.nr_vmas));
    result.Set("nrPages", static_cast<double>(args_.nr_pages));
    return result;
  }

  void Describe(Napi::Env env, Napi::Error& error) override {
    error.Set("nrVmas", Napi::Number::New(env, args_.nr_vmas));
    error.Set("nrPages", Napi::Number::New(env, args_.nr_pages));
    if (failure_number() == EBUSY) error.Set("busyTid", Napi::Number::New(env, args_.busy_tid));
  }

  tracker_revert args_ = {};
};

}  // namespace

Napi::Promise StartSwap(Napi::Env env, int fd, const Napi::Float64Array& page_pairs) {
  return (new SwapWorker(env, fd, page_pairs))->Start();
}

Napi::Promise StartRevert(Napi::Env env, int fd) { return (new RevertWorker(env, fd))->Start(); }
