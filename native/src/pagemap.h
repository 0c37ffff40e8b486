// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tracker {

/// Bits of an entry of /proc/PID/pagemap. The low ones are the page frame or, of a page that is
/// swapped out, where; the frame is 0 for those who may not know it.
inline constexpr uint64_t kEntryPresent = uint64_t{1} << 63;
inline constexpr uint64_t kEntrySwapped = uint64_t{1} << 62;
inline constexpr uint64_t kEntryFile = uint64_t{1} << 61;
inline constexpr uint64_t kEntryExclusive = uint64_t{1} << 56;
inline constexpr uint64_t kEntryFrame = (uint64_t{1} << 55) - 1;

/// Consecutive pages.
struct PageRange {
  uint64_t page;
  uint64_t nr_pages;
};

/// What the kernel tells of a process' pages. The fd, of its pagemap, is the caller's.
class Pagemap {
 public:
  explicit Pagemap(int fd) : fd_(fd) {}

  /// Adds those of [start, end) that are present or swapped out, and no file's: what a private
  /// mapping has of its own. Holes cost nothing where the kernel has PAGEMAP_SCAN.
  /// Returns 0 or an errno, of `failed_call()`.
  int FindOwn(uint64_t start, uint64_t end, std::vector<PageRange>* found);

  /// Returns the number of entries read, fewer than asked for where memory ends; or -errno.
  int64_t Read(uint64_t page, size_t nr_pages, uint64_t* entries) const;

  const char* failed_call() const { return failed_call_; }

 private:
  int Scan(uint64_t start, uint64_t end, std::vector<PageRange>* found);
  int Walk(uint64_t start, uint64_t end, std::vector<PageRange>* found);

  const int fd_;
  bool has_scan_ = true;
  const char* failed_call_ = "";
};

}  // namespace tracker
