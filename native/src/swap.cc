// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/tracker.h>

#include <vector>

#include "freeze.h"
#include "ptrace.h"
#include "session_call.h"

namespace {

/** A call that needs the target held: it runs on the thread that holds it. */
class FrozenCall : public SessionCall {
 protected:
  FrozenCall(int fd, const Napi::Value& handle) : SessionCall(fd), frozen_(FrozenOf(handle)) {}

  void HeldIoctl(unsigned long request, const char* name, void* args) {
    if (frozen_ == nullptr) {
      Ioctl(request, name, args);
    } else {
      frozen_->Run([&] { Ioctl(request, name, args); });
    }
  }

 private:
  const std::shared_ptr<FrozenProcess> frozen_;
};

class Swap : public FrozenCall {
 public:
  Swap(int fd, const Napi::Float64Array& page_pairs, uint32_t flags, const Napi::Value& handle)
      : FrozenCall(fd, handle) {
    args_.flags = flags;
    for (size_t i = 0; i + 1 < page_pairs.ElementLength(); i += 2) {
      ranges_.push_back({static_cast<__u64>(page_pairs[i]) << TRACKER_PAGE_SHIFT,
                         static_cast<__u64>(page_pairs[i + 1]) << TRACKER_PAGE_SHIFT});
    }
  }

 private:
  void Call() override {
    args_.ranges_addr = reinterpret_cast<uintptr_t>(ranges_.data());
    args_.nr_ranges = ranges_.size();
    HeldIoctl(TRACKER_IOC_SWAP, "TRACKER_IOC_SWAP", &args_);
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
    if (failure().number == EBUSY) error.Set("busyTid", Napi::Number::New(env, args_.busy_tid));
  }

  std::vector<tracker_range> ranges_;
  tracker_swap args_ = {};
};

class Revert : public FrozenCall {
 public:
  Revert(int fd, const Napi::Value& handle) : FrozenCall(fd, handle) {}

 private:
  void Call() override { HeldIoctl(TRACKER_IOC_REVERT, "TRACKER_IOC_REVERT", &args_); }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("nrVmas", static_cast<double>(args_.nr_vmas));
    result.Set("nrPages", static_cast<double>(args_.nr_pages));
    return result;
  }

  void Describe(Napi::Env env, Napi::Error& error) override {
    error.Set("nrVmas", Napi::Number::New(env, args_.nr_vmas));
    error.Set("nrPages", Napi::Number::New(env, args_.nr_pages));
    if (failure().number == EBUSY) error.Set("busyTid", Napi::Number::New(env, args_.busy_tid));
  }

  tracker_revert args_ = {};
};

}  // namespace

std::unique_ptr<SessionCall> MakeSwap(int fd, const Napi::Float64Array& page_pairs, uint32_t flags,
                                      const Napi::Value& handle) {
  return std::make_unique<Swap>(fd, page_pairs, flags, handle);
}

std::unique_ptr<SessionCall> MakeRevert(int fd, const Napi::Value& handle) {
  return std::make_unique<Revert>(fd, handle);
}
