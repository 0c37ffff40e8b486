// SPDX-License-Identifier: Apache-2.0
#include "pagemap.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "page_io.h"

namespace tracker {

namespace {

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

constexpr size_t kBatch = 4096;

void Append(std::vector<PageRange>* found, uint64_t page, uint64_t nr_pages) {
  if (!found->empty() && found->back().page + found->back().nr_pages == page) {
    found->back().nr_pages += nr_pages;
  } else {
    found->push_back({page, nr_pages});
  }
}

}  // namespace

int Pagemap::FindOwn(uint64_t start, uint64_t end, std::vector<PageRange>* found) {
  if (has_scan_) {
    const int error = Scan(start, end, found);
    if (has_scan_) return error;
  }
  return Walk(start, end, found);
}

/** The kernel may have no such call. */
int Pagemap::Scan(uint64_t start, uint64_t end, std::vector<PageRange>* found) {
  std::vector<ScanRegion> regions(kBatch);
  uint64_t at = start * kPageSize;
  while (at < end * kPageSize) {
    ScanArguments args = {};
    args.size = sizeof(args);
    args.start = at;
    args.end = end * kPageSize;
    args.regions = reinterpret_cast<uintptr_t>(regions.data());
    args.nr_regions = regions.size();
    args.category_inverted = kIsFile;
    args.category_mask = kIsFile;
    args.category_anyof_mask = kIsPresent | kIsSwapped;
    args.return_mask = 0;
    const int nr_found = ioctl(fd_, kPagemapScan, &args);
    if (nr_found < 0) {
      has_scan_ = errno != ENOTTY && errno != EINVAL;
      failed_call_ = "ioctl(PAGEMAP_SCAN)";
      return errno;
    }
    for (int i = 0; i < nr_found; i++)
      Append(found, regions[i].start / kPageSize, (regions[i].end - regions[i].start) / kPageSize);
    if (args.walk_end <= at) break;
    at = args.walk_end;
  }
  return 0;
}

int Pagemap::Walk(uint64_t page, uint64_t end, std::vector<PageRange>* found) {
  std::vector<uint64_t> entries(kBatch);
  while (page < end) {
    const int64_t n = Read(page, std::min<uint64_t>(kBatch, end - page), entries.data());
    if (n < 0) {
      failed_call_ = "pread";
      return static_cast<int>(-n);
    }
    if (n == 0) return 0;
    for (int64_t i = 0; i < n; i++) {
      const bool exists = (entries[i] & (kEntryPresent | kEntrySwapped)) != 0;
      if (exists && !(entries[i] & kEntryFile)) Append(found, page + i, 1);
    }
    page += n;
  }
  return 0;
}

int64_t Pagemap::Read(uint64_t page, size_t nr_pages, uint64_t* entries) const {
  const auto offset = static_cast<off_t>(page * sizeof(uint64_t));
  const ssize_t n = pread(fd_, entries, nr_pages * sizeof(uint64_t), offset);
  return n < 0 ? -errno : n / static_cast<ssize_t>(sizeof(uint64_t));
}

}  // namespace tracker
