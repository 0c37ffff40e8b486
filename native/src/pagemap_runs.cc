// SPDX-License-Identifier: Apache-2.0
#include "pagemap_runs.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "page_io.h"
#include "promise_worker.h"

namespace {

using tracker::kPageSize;

/** Of linux/fs.h since 6.7, which the headers at hand may not have. */
struct ScanRegion {
  uint64_t start, end, categories;
};
struct ScanArguments {
  uint64_t size, flags, start, end, walk_end, regions, nr_regions, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
constexpr unsigned long kPagemapScan = _IOWR('f', 16, ScanArguments);
constexpr uint64_t kIsFile = 1 << 2;
constexpr uint64_t kIsPresent = 1 << 3;
constexpr uint64_t kIsSwapped = 1 << 4;

/** Bits of an entry of /proc/PID/pagemap. */
constexpr uint64_t kEntryPresent = uint64_t{1} << 63;
constexpr uint64_t kEntrySwapped = uint64_t{1} << 62;
constexpr uint64_t kEntryFile = uint64_t{1} << 61;

constexpr size_t kBatch = 4096;

/**
 * Finds the pages that are present or swapped out, and not those of a file: what a private mapping
 * has of its own. Holes cost nothing where the kernel has PAGEMAP_SCAN.
 */
class PagemapWorker : public PromiseWorker {
 public:
  PagemapWorker(Napi::Env env, int fd, const Napi::Float64Array& page_pairs)
      : PromiseWorker(env),
        fd_(fd),
        page_pairs_(page_pairs.Data(), page_pairs.Data() + page_pairs.ElementLength()) {}

 private:
  void Work() override {
    for (size_t i = 0; i + 1 < page_pairs_.size() && !HasFailed(); i += 2) {
      const auto start = static_cast<uint64_t>(page_pairs_[i]);
      const auto end = static_cast<uint64_t>(page_pairs_[i + 1]);
      if (!has_scan_ || !Scan(start * kPageSize, end * kPageSize)) Read(start, end);
    }
  }

  /** False where the kernel has no such call. */
  bool Scan(uint64_t start, uint64_t end) {
    std::vector<ScanRegion> regions(kBatch);
    while (start < end) {
      ScanArguments args = {};
      args.size = sizeof(args);
      args.start = start;
      args.end = end;
      args.regions = reinterpret_cast<uintptr_t>(regions.data());
      args.nr_regions = regions.size();
      args.category_inverted = kIsFile;
      args.category_mask = kIsFile;
      args.category_anyof_mask = kIsPresent | kIsSwapped;
      args.return_mask = 0;
      const int nr_found = ioctl(fd_, kPagemapScan, &args);
      if (nr_found < 0) {
        has_scan_ = errno != ENOTTY && errno != EINVAL;
        if (has_scan_) Fail(errno, "ioctl(PAGEMAP_SCAN)", "the pagemap");
        return has_scan_;
      }
      for (int i = 0; i < nr_found; i++)
        Append(regions[i].start / kPageSize, (regions[i].end - regions[i].start) / kPageSize);
      if (args.walk_end <= start) break;
      start = args.walk_end;
    }
    return true;
  }

  void Read(uint64_t page, uint64_t end) {
    std::vector<uint64_t> entries(kBatch);
    while (page < end) {
      const size_t nr_pages = std::min<uint64_t>(kBatch, end - page);
      const size_t length = nr_pages * sizeof(uint64_t);
      const auto offset = static_cast<off_t>(page * sizeof(uint64_t));
      const ssize_t n = pread(fd_, entries.data(), length, offset);
      if (n < 0) return Fail(errno, "pread", "the pagemap at page " + std::to_string(page));
      if (n == 0) return;
      for (size_t i = 0; i < n / sizeof(uint64_t); i++) {
        const bool exists = (entries[i] & (kEntryPresent | kEntrySwapped)) != 0;
        if (exists && !(entries[i] & kEntryFile)) Append(page + i, 1);
      }
      page += n / sizeof(uint64_t);
    }
  }

  void Append(uint64_t page, uint64_t nr_pages) {
    const size_t size = runs_.size();
    if (size > 0 && runs_[size - 2] + runs_[size - 1] == static_cast<double>(page)) {
      runs_[size - 1] += static_cast<double>(nr_pages);
    } else {
      runs_.insert(runs_.end(), {static_cast<double>(page), static_cast<double>(nr_pages)});
    }
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Float64Array result = Napi::Float64Array::New(env, runs_.size());
    std::copy(runs_.begin(), runs_.end(), result.Data());
    return result;
  }

  const int fd_;
  const std::vector<double> page_pairs_;
  bool has_scan_ = true;
  std::vector<double> runs_;
};

/** pagemapRuns(fd, pagePairs: Float64Array): Promise of a Float64Array of page, nrPages */
Napi::Value PagemapRuns(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>();
  return (new PagemapWorker(info.Env(), fd, info[1].As<Napi::Float64Array>()))->Start();
}

}  // namespace

void InitPagemapRuns(Napi::Env env, Napi::Object exports) {
  exports.Set("pagemapRuns", Napi::Function::New<PagemapRuns>(env, "pagemapRuns"));
}
