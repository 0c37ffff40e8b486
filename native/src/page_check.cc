// SPDX-License-Identifier: Apache-2.0
#include "page_check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "crc32c.h"
#include "page_extents.h"
#include "page_io.h"
#include "page_worker.h"

namespace tracker {
namespace {

/// Reads every stored extent of a table and compares its checksum.
class ExtentChecker final : public PageWorker {
 public:
  ExtentChecker(const Napi::Object& options, std::vector<Extent> extents)
      : PageWorker(options),
        extents_(std::move(extents)),
        fd_(static_cast<int>(GetInt(options, "fd", -1))),
        name_(GetName(options, "name", "the pages file")) {}

 protected:
  void Work() override;
  Napi::Value Result(Napi::Env env) override {
    return Napi::Number::New(env, static_cast<double>(mismatch_));
  }

 private:
  /// Returns false when a read failed; *matches is false after a short one.
  bool Check(const Extent& extent, bool* matches);

  const std::vector<Extent> extents_;
  const int fd_;
  const std::string name_;
  PageBuffer buffer_;
  int64_t mismatch_ = -1;
};

void ExtentChecker::Work() {
  buffer_ = AllocatePages(kBatchPages);
  if (buffer_ == nullptr) return Fail(ENOMEM, "malloc", "the check buffer");

  for (size_t i = 0; i < extents_.size(); i++) {
    if (IsCancelled()) return;
    if (extents_[i].flags & (kExtentZero | kExtentRef)) continue;
    bool matches;
    if (!Check(extents_[i], &matches)) return;
    if (!matches) {
      mismatch_ = static_cast<int64_t>(i);
      return;
    }
    AddProgress(extents_[i].nr_pages);
  }
}

bool ExtentChecker::Check(const Extent& extent, bool* matches) {
  uint32_t crc = 0;
  for (uint64_t i = 0; i < extent.nr_pages; i += kBatchPages) {
    const size_t length = std::min<uint64_t>(kBatchPages, extent.nr_pages - i) * kPageSize;
    const uint64_t offset = (extent.file_page + i) * kPageSize;
    int error;
    const size_t done = ReadFully(fd_, buffer_.get(), length, offset, &error);
    if (error != 0) {
      Fail(error, "pread", "offset " + std::to_string(offset + done) + " of " + name_);
      return false;
    }
    *matches = done == length;
    if (!*matches) return true;
    crc = Crc32c(crc, buffer_.get(), length);
  }
  *matches = crc == extent.crc32c;
  return true;
}

}  // namespace

Napi::Value CheckExtents(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) return ThrowType(info.Env(), "checkExtents: options must be an object");
  const Napi::Object options = info[0].As<Napi::Object>();
  const Napi::Value value = options.Get("extents");
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().ByteLength() % sizeof(Extent) != 0) {
    return ThrowType(info.Env(), "checkExtents: extents must be 32-byte records");
  }
  Napi::Uint8Array bytes = value.As<Napi::Uint8Array>();
  std::vector<Extent> extents(bytes.ByteLength() / sizeof(Extent));
  if (!extents.empty()) memcpy(extents.data(), bytes.Data(), bytes.ByteLength());
  return (new ExtentChecker(options, std::move(extents)))->Start();
}

}  // namespace tracker
