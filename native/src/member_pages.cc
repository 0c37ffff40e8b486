// SPDX-License-Identifier: Apache-2.0
#include "member_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "frame_table.h"
#include "page_io.h"
#include "pagemap.h"
#include "promise_worker.h"
#include "session_call.h"
#include "unique_fd.h"

namespace {

using tracker::FrameTable;
using tracker::kPageSize;
using tracker::MemberPage;
using tracker::Pagemap;
using tracker::PageRange;

constexpr size_t kBatch = 4096;
constexpr uint64_t kSwappedKey = uint64_t{1} << 63;

/** The frame of zeros that all processes have where they have read and never written; 0: unknown.
 */
uint64_t ZeroFrame() {
  void* memory = mmap(nullptr, kPageSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  const auto* byte = static_cast<const volatile uint8_t*>(memory);
  static_cast<void>(*byte);
  uint64_t entry = 0;
  UniqueFd fd(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (fd) Pagemap(fd.get()).Read(reinterpret_cast<uintptr_t>(memory) / kPageSize, 1, &entry);
  munmap(memory, kPageSize);
  return entry & tracker::kEntryPresent ? entry & tracker::kEntryFrame : 0;
}

/** What two pages that are one have in common: the frame, or where it is swapped out. 0: not known.
 */
uint64_t KeyOf(uint64_t entry) {
  const uint64_t frame = entry & tracker::kEntryFrame;
  if (entry & tracker::kEntryPresent) return frame;
  return entry & tracker::kEntrySwapped ? frame | kSwappedKey : 0;
}

/** Mapped once, by this process alone. */
bool IsExclusive(uint64_t entry) {
  constexpr uint64_t kBoth = tracker::kEntryPresent | tracker::kEntryExclusive;
  return (entry & kBoth) == kBoth;
}

/** Adds pages to rows of page, nr_pages. */
void Append(std::vector<double>* rows, uint64_t page, uint64_t nr_pages) {
  const size_t size = rows->size();
  if (size > 0 && (*rows)[size - 2] + (*rows)[size - 1] == static_cast<double>(page)) {
    rows->back() += static_cast<double>(nr_pages);
  } else {
    rows->insert(rows->end(), {static_cast<double>(page), static_cast<double>(nr_pages)});
  }
}

/** A process, and what was found of it. */
struct Member {
  int32_t pid;
  std::vector<double> page_pairs;
  UniqueFd fd;
  std::vector<double> own;    /* page, nr_pages: nobody else has them */
  std::vector<double> first;  /* page, nr_pages: others may */
  std::vector<double> shared; /* page, nr_pages, member, that one's page */
};

/**
 * Goes through the pages that private mappings of several processes have of their own, and tells
 * those apart whose page frame an earlier process has as well. All of them stand, so that no page
 * changes; but the kernel may move one to another frame and use the old one otherwise, between a
 * look at one process and at the next. So both entries are read again, and have to be equal once
 * more.
 */
class MemberPagesWorker : public PromiseWorker {
 public:
  MemberPagesWorker(Napi::Env env, std::vector<Member> members)
      : PromiseWorker(env), members_(std::move(members)) {}

 private:
  void Work() override {
    zero_frame_ = ZeroFrame();
    for (uint32_t i = 0; i < members_.size() && !HasFailed(); i++) LookAt(i);
  }

  void LookAt(uint32_t index) {
    Member& member = members_[index];
    const std::string path = "/proc/" + std::to_string(member.pid) + "/pagemap";
    member.fd = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!member.fd) return Fail(errno, "open", path);
    Pagemap pagemap(member.fd.get());
    std::vector<PageRange> ranges;
    for (size_t i = 0; i + 1 < member.page_pairs.size(); i += 2) {
      const int error = pagemap.FindOwn(static_cast<uint64_t>(member.page_pairs[i]),
                                        static_cast<uint64_t>(member.page_pairs[i + 1]), &ranges);
      if (error) return Fail(error, pagemap.failed_call(), path);
    }
    for (const PageRange& range : ranges)
      for (uint64_t done = 0; done < range.nr_pages && !HasFailed(); done += kBatch)
        Sort(index, range.page + done, std::min<uint64_t>(kBatch, range.nr_pages - done));
  }

  void Sort(uint32_t index, uint64_t page, size_t nr_pages) {
    std::vector<uint64_t> entries(nr_pages);
    if (!Read(index, page, nr_pages, entries.data())) return;
    std::vector<MemberPage> owners(nr_pages);
    for (size_t i = 0; i < nr_pages; i++) owners[i] = OwnerOf(entries[i], {index, page + i});
    for (size_t start = 0; start < nr_pages && !HasFailed();) {
      size_t end = start + 1;
      while (end < nr_pages && owners[end].member == owners[start].member &&
             owners[end].page == owners[start].page + end - start &&
             IsExclusive(entries[end]) == IsExclusive(entries[start]))
        end++;
      if (IsExclusive(entries[start])) {
        Append(&members_[index].own, page + start, end - start);
      } else if (owners[start].member == index) {
        Append(&members_[index].first, page + start, end - start);
      } else {
        Verify(index, page + start, owners[start], end - start);
      }
      start = end;
    }
  }

  /** A process that has one frame twice keeps two pages. */
  MemberPage OwnerOf(uint64_t entry, MemberPage self) {
    const uint64_t key = KeyOf(entry);
    if (key == 0 || IsExclusive(entry) || key == zero_frame_) return self;
    const MemberPage owner = table_.FindOrAdd(key, self);
    return owner.member == self.member ? self : owner;
  }

  void Verify(uint32_t index, uint64_t page, MemberPage owner, size_t nr_pages) {
    std::vector<uint64_t> its(nr_pages);
    std::vector<uint64_t> own(nr_pages);
    if (!Read(owner.member, owner.page, nr_pages, its.data())) return;
    if (!Read(index, page, nr_pages, own.data())) return;
    for (size_t i = 0; i < nr_pages; i++) {
      const uint64_t key = KeyOf(own[i]);
      if (key != 0 && key == KeyOf(its[i])) {
        AddShared(index, page + i, {owner.member, owner.page + i});
      } else {
        Append(&members_[index].first, page + i, 1);
      }
    }
  }

  /** What is missing, of a process that has ended, is 0. */
  bool Read(uint32_t index, uint64_t page, size_t nr_pages, uint64_t* entries) {
    const int64_t n = Pagemap(members_[index].fd.get()).Read(page, nr_pages, entries);
    if (n < 0) Fail(static_cast<int>(-n), "pread", "the pagemap at page " + std::to_string(page));
    return n >= 0;
  }

  void AddShared(uint32_t index, uint64_t page, MemberPage owner) {
    std::vector<double>& shared = members_[index].shared;
    const size_t size = shared.size();
    const auto at = static_cast<double>(page);
    const auto its = static_cast<double>(owner.page);
    if (size > 0 && shared[size - 4] + shared[size - 3] == at && shared[size - 2] == owner.member &&
        shared[size - 1] + shared[size - 3] == its) {
      shared[size - 3]++;
    } else {
      shared.insert(shared.end(), {at, 1, static_cast<double>(owner.member), its});
    }
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array results = Napi::Array::New(env, members_.size());
    for (uint32_t i = 0; i < members_.size(); i++) {
      Napi::Object result = Napi::Object::New(env);
      result.Set("own", Float64ArrayOf(env, members_[i].own));
      result.Set("first", Float64ArrayOf(env, members_[i].first));
      result.Set("shared", Float64ArrayOf(env, members_[i].shared));
      results.Set(i, result);
    }
    return results;
  }

  std::vector<Member> members_;
  FrameTable table_;
  uint64_t zero_frame_ = 0;
};

/** memberPages(pids: number[], pagePairs: Float64Array[]): Promise of { own, first, shared }[] */
Napi::Value MemberPages(const Napi::CallbackInfo& info) {
  const auto pids = info[0].As<Napi::Array>();
  const auto ranges = info[1].As<Napi::Array>();
  std::vector<Member> members(pids.Length());
  for (uint32_t i = 0; i < pids.Length(); i++) {
    const auto pairs = ranges.Get(i).As<Napi::Float64Array>();
    members[i].pid = pids.Get(i).As<Napi::Number>();
    members[i].page_pairs.assign(pairs.Data(), pairs.Data() + pairs.ElementLength());
  }
  return (new MemberPagesWorker(info.Env(), std::move(members)))->Start();
}

}  // namespace

void InitMemberPages(Napi::Env env, Napi::Object exports) {
  exports.Set("memberPages", Napi::Function::New<MemberPages>(env, "memberPages"));
}
