// SPDX-License-Identifier: Apache-2.0
#include "page_extents.h"

#include "crc32c.h"
#include "page_io.h"

namespace tracker {

Extent& ExtentBuilder::Grow(uint64_t page, uint32_t flags, uint32_t max_pages) {
  if (!extents_.empty()) {
    Extent& last = extents_.back();
    if (last.flags == flags && last.nr_pages < max_pages && last.page + last.nr_pages == page) {
      last.nr_pages++;
      return last;
    }
  }
  if (flags & kExtentZero) return extents_.emplace_back(Extent{page, 1, flags, 0, 0, 0});
  return extents_.emplace_back(Extent{page, 1, flags, next_file_page_, 0, round_});
}

void ExtentBuilder::AddZero(uint64_t page) { Grow(page, kExtentZero, UINT32_MAX); }

void ExtentBuilder::AddStored(uint64_t page, const uint8_t* data) {
  Extent& extent = Grow(page, 0, kMaxExtentPages);
  extent.crc32c = Crc32c(extent.crc32c, data, kPageSize);
  next_file_page_++;
}

}  // namespace tracker
