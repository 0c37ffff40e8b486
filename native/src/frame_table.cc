// SPDX-License-Identifier: Apache-2.0
#include "frame_table.h"

#include <utility>

namespace tracker {

namespace {

/** A page number has at most 45 bits: addresses have 57. */
constexpr int kPageBits = 45;

uint64_t Pack(MemberPage owner) {
  return (static_cast<uint64_t>(owner.member) << kPageBits) | owner.page;
}

MemberPage Unpack(uint64_t place) {
  return {static_cast<uint32_t>(place >> kPageBits), place & ((uint64_t{1} << kPageBits) - 1)};
}

/** Frames are consecutive, mostly: multiplied, they spread (Fibonacci hashing). */
uint64_t Hash(uint64_t key) {
  const uint64_t product = key * 0x9e3779b97f4a7c15;
  return product ^ (product >> 32);
}

}  // namespace

MemberPage FrameTable::FindOrAdd(uint64_t key, MemberPage owner) {
  Slot* slot = &Find(key);
  if (slot->key == key) return Unpack(slot->place);
  if ((nr_used_ + 1) * 4 > slots_.size() * 3) {
    Grow();
    slot = &Find(key);
  }
  nr_used_++;
  *slot = {key, Pack(owner)};
  return owner;
}

FrameTable::Slot& FrameTable::Find(uint64_t key) {
  const size_t mask = slots_.size() - 1;
  size_t i = Hash(key) & mask;
  while (slots_[i].key != 0 && slots_[i].key != key) i = (i + 1) & mask;
  return slots_[i];
}

void FrameTable::Grow() {
  std::vector<Slot> old(slots_.size() * 2);
  std::swap(old, slots_);
  for (const Slot& slot : old)
    if (slot.key != 0) Find(slot.key) = slot;
}

}  // namespace tracker
