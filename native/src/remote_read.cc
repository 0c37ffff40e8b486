// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <string>

#include "page_io.h"
#include "remote_stub.h"

namespace {

using tracker::kPageSize;
using tracker::PageRun;

/** Of one read: while it runs, the disk is at the next one's. */
constexpr uint64_t kMaxBytes = uint64_t{16} << 20;

/** Shorter ones come with what the kernel reads ahead by itself. */
constexpr uint64_t kMinAhead = uint64_t{256} << 10;

/** Fewer pages than this are not worth a call. */
constexpr uint64_t kMinPopulated = uint64_t{256} << 10;

/** What one read reads. */
struct Stretch {
  size_t nr_parts;
  uint64_t bytes;
};

/** Pieces of memory that lie one after the other in a file. */
class ReadCursor {
 public:
  explicit ReadCursor(const std::vector<PageRun>& runs) : runs_(runs) {}

  bool IsAtEnd() const { return index_ == runs_.size(); }
  /** Byte of the file to go on at. */
  uint64_t offset() const { return runs_[index_].source * kPageSize + done_; }

  /** What one read may read, of at most `max_parts`, which it fills unless they are null. */
  Stretch Peek(iovec* parts, size_t max_parts) const {
    uint64_t bytes = 0;
    uint64_t done = done_;
    size_t nr_parts = 0;
    for (size_t i = index_; i < runs_.size() && nr_parts < max_parts && bytes < kMaxBytes; i++) {
      const PageRun& run = runs_[i];
      if (run.source * kPageSize + done != offset() + bytes) break;
      const uint64_t length = std::min(run.nr_pages * kPageSize - done, kMaxBytes - bytes);
      void* const to = reinterpret_cast<void*>(run.page * kPageSize + done);
      if (parts != nullptr) parts[nr_parts] = {to, length};
      nr_parts++;
      bytes += length;
      done = 0;
    }
    return {nr_parts, bytes};
  }

  void Advance(uint64_t bytes) {
    while (bytes > 0) {
      const uint64_t left = runs_[index_].nr_pages * kPageSize - done_;
      if (bytes < left) {
        done_ += bytes;
        return;
      }
      bytes -= left;
      index_++;
      done_ = 0;
    }
  }

 private:
  const std::vector<PageRun>& runs_;
  size_t index_ = 0;
  uint64_t done_ = 0; /* bytes of runs_[index_] */
};

}  // namespace

/**
 * Sends the disk to where the next read is going to be. Not every file can be asked for it, and
 * none has to.
 */
bool RemoteStub::ReadAhead(pid_t tid, int fd, uint64_t offset, uint64_t bytes,
                           ErrnoFailure* failure) {
  const RemoteCall call = {SYS_fadvise64,
                           {static_cast<uint64_t>(fd), offset, bytes, POSIX_FADV_WILLNEED, 0, 0}};
  RemoteOutcome outcome;
  return Call(tid, call, &outcome, failure);
}

/**
 * Lets the process have the pages before they are read into it: cheaper than a fault for each in
 * the middle of a read. Where it cannot (Linux before 5.14), the faults come.
 */
bool RemoteStub::Populate(pid_t tid, const iovec* parts, size_t nr_parts, ErrnoFailure* failure) {
  for (size_t i = 0; i < nr_parts; i++) {
    const auto address = reinterpret_cast<uint64_t>(parts[i].iov_base);
    if (parts[i].iov_len < kMinPopulated) continue;
    const RemoteCall call = {SYS_madvise,
                             {address, parts[i].iov_len, MADV_POPULATE_WRITE, 0, 0, 0}};
    RemoteOutcome outcome;
    if (!Call(tid, call, &outcome, failure)) return false;
  }
  return true;
}

bool RemoteStub::ReadPages(pid_t tid, int fd, const std::vector<PageRun>& runs,
                           ErrnoFailure* failure) {
  const size_t max_parts = std::min<size_t>(IOV_MAX, area_bytes_ / sizeof(iovec));
  auto* const parts = reinterpret_cast<iovec*>(area_);
  for (ReadCursor cursor(runs); !cursor.IsAtEnd();) {
    const uint64_t offset = cursor.offset();
    const Stretch stretch = cursor.Peek(parts, max_parts);
    ReadCursor next = cursor;
    next.Advance(stretch.bytes);
    if (!Populate(tid, parts, stretch.nr_parts, failure)) return false;
    const uint64_t ahead = next.IsAtEnd() ? 0 : next.Peek(nullptr, max_parts).bytes;
    if (ahead >= kMinAhead && !ReadAhead(tid, fd, next.offset(), ahead, failure)) return false;
    const RemoteCall call = {
        SYS_preadv, {static_cast<uint64_t>(fd), base_ + kPageSize, stretch.nr_parts, offset, 0, 0}};
    RemoteOutcome outcome;
    if (!Call(tid, call, &outcome, failure)) return false;
    if (outcome.result <= 0) {
      const int number = outcome.result == 0 ? EIO : static_cast<int>(-outcome.result);
      *failure = {number, "preadv", "byte " + std::to_string(offset) + " of the pages file"};
      return false;
    }
    cursor.Advance(static_cast<uint64_t>(outcome.result));
  }
  return true;
}
