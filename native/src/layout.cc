// SPDX-License-Identifier: Apache-2.0
#include <linux/tracker.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "session_call.h"

/* src/kernel/layout.ts reads the array at these offsets. */
static_assert(sizeof(tracker_vma) == 40, "tracker_vma has holes");

namespace {

class Layout : public SessionCall {
 public:
  Layout(int fd, uint32_t nr_vmas_hint) : SessionCall(fd), nr_vmas_hint_(nr_vmas_hint) {}

 private:
  void Call() override {
    FillArray(&vmas_, std::max<uint32_t>(nr_vmas_hint_, 64),
              [this](uintptr_t address, uint32_t length) -> int64_t {
                tracker_layout args = {};
                args.vmas_addr = address;
                args.nr_vmas = length;
                if (!Ioctl(TRACKER_IOC_LAYOUT, "TRACKER_IOC_LAYOUT", &args)) return -1;
                return args.nr_vmas;
              });
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

std::unique_ptr<SessionCall> MakeLayout(int fd, uint32_t nr_vmas_hint) {
  return std::make_unique<Layout>(fd, nr_vmas_hint);
}
