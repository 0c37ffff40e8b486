// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tracker {

/// A page of a member: a process of several that are looked at together.
struct MemberPage {
  uint32_t member;
  uint64_t page;
};

/// Who was first found to have a page frame. Open addressing, 16 bytes an entry: there may be many
/// millions.
class FrameTable {
 public:
  FrameTable() : slots_(kFirstSlots) {}

  /// Whom a frame belongs to: who has it already, or else `owner`, which is noted.
  /// @param key of the frame, not 0
  MemberPage FindOrAdd(uint64_t key, MemberPage owner);

 private:
  struct Slot {
    uint64_t key = 0;
    uint64_t place = 0;
  };

  Slot& Find(uint64_t key);
  void Grow();

  static constexpr size_t kFirstSlots = 1024;

  std::vector<Slot> slots_; /* a power of two */
  size_t nr_used_ = 0;
};

}  // namespace tracker
