// SPDX-License-Identifier: Apache-2.0
#include <linux/tracker.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "session_worker.h"

/* src/kernel/layout.ts reads the array at these offsets. */
static_assert(sizeof(tracker_vma) == 40, "tracker_vma has holes");

namespace {

class LayoutWorker : public SessionWorker {
 public:
  LayoutWorker(Napi::Env env, int fd, uint32_t nr_vmas_hint)
      : SessionWorker(env, fd), nr_vmas_hint_(nr_vmas_hint) {}

 private:
  void Call() override {
    uint32_t capacity = std::max<uint32_t>(nr_vmas_hint_, 256);
    for (;;) {
      vmas_.resize(capacity);
      tracker_layout args = {};
      args.vmas_addr = reinterpret_cast<uintptr_t>(vmas_.data());
      args.nr_vmas = capacity;
      if (!Ioctl(TRACKER_IOC_LAYOUT, "TRACKER_IOC_LAYOUT", &args)) return;
      if (args.nr_vmas <= capacity) return vmas_.resize(args.nr_vmas);
      /* The target may map more until the next call: leave room for that. */
      capacity = args.nr_vmas + args.nr_vmas / 8 + 16;
    }
  }

  Napi::Value Result(Napi::Env env) override {
    const size_t nr_bytes = vmas_.size() * sizeof(tracker_vma);
    Napi::Uint8Array bytes = Napi::Uint8Array::New(env, nr_bytes);
    if (nr_bytes > 0) memcpy(bytes.Data(), vmas_.data(), nr_bytes);
    return bytes;
  }

  const uint32_t nr_vmas_hint_;
  std::vector<tracker_vma> vmas_;
};

}  // namespace

Napi::Promise StartLayout(Napi::Env env, int fd, uint32_t nr_vmas_hint) {
  return (new LayoutWorker(env, fd, nr_vmas_hint))->Start();
}
