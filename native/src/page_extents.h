// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tracker {

/// One record of an extent table, little-endian as on disk (docs/image-format.md).
struct Extent {
  uint64_t page;
  uint32_t nr_pages;
  uint32_t flags;
  uint64_t file_page;
  uint32_t crc32c;
  uint32_t round;  // whose pages file has the pages; 0 for zeros
};
static_assert(sizeof(Extent) == 32);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

inline constexpr uint32_t kExtentZero = 1;
/// The pages are stored, and checked, by other extents.
inline constexpr uint32_t kExtentRef = 2;

/// Pages that one checksum covers at most.
inline constexpr uint32_t kMaxExtentPages = 256;

/// Collects pages in the order they are stored and joins neighbours to extents.
class ExtentBuilder {
 public:
  ExtentBuilder(uint64_t first_file_page, uint32_t round)
      : next_file_page_(first_file_page), round_(round) {}

  void AddZero(uint64_t page);
  void AddStored(uint64_t page, const uint8_t* data);

  const std::vector<Extent>& extents() const { return extents_; }

 private:
  /// The last extent if `page` continues it, else a new one.
  Extent& Grow(uint64_t page, uint32_t flags, uint32_t max_pages);

  std::vector<Extent> extents_;
  uint64_t next_file_page_;
  const uint32_t round_;
};

}  // namespace tracker
