// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <string>

#include "page_io.h"
#include "remote_stub.h"

namespace {

using tracker::kPageSize;
using tracker::PageRun;

/** A read may not be longer than MAX_RW_COUNT, a little less than 2 GiB. */
constexpr uint64_t kMaxBytes = uint64_t{1} << 30;

/** Pieces of memory that lie one after the other in a file. */
class ReadCursor {
 public:
  explicit ReadCursor(const std::vector<PageRun>& runs) : runs_(runs) {}

  bool IsAtEnd() const { return index_ == runs_.size(); }
  /** Byte of the file to go on at. */
  uint64_t offset() const { return runs_[index_].source * kPageSize + done_; }

  /** Fills `parts`, at most `max_parts`, with what one read may read. Returns their number. */
  size_t Peek(iovec* parts, size_t max_parts) const {
    uint64_t bytes = 0;
    uint64_t done = done_;
    size_t nr_parts = 0;
    for (size_t i = index_; i < runs_.size() && nr_parts < max_parts && bytes < kMaxBytes; i++) {
      const PageRun& run = runs_[i];
      if (run.source * kPageSize + done != offset() + bytes) break;
      const uint64_t length = std::min(run.nr_pages * kPageSize - done, kMaxBytes - bytes);
      parts[nr_parts++] = {reinterpret_cast<void*>(run.page * kPageSize + done), length};
      bytes += length;
      done = 0;
    }
    return nr_parts;
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

bool RemoteStub::ReadPages(int fd, const std::vector<PageRun>& runs, ErrnoFailure* failure) {
  const size_t max_parts = std::min<size_t>(IOV_MAX, area_bytes_ / sizeof(iovec));
  auto* const parts = reinterpret_cast<iovec*>(area_);
  for (ReadCursor cursor(runs); !cursor.IsAtEnd();) {
    const uint64_t offset = cursor.offset();
    const size_t nr_parts = cursor.Peek(parts, max_parts);
    const RemoteCall call = {
        SYS_preadv, {static_cast<uint64_t>(fd), base_ + kPageSize, nr_parts, offset, 0, 0}};
    RemoteOutcome outcome;
    if (!Call(made_ ? made_ : pid_, call, &outcome, failure)) return false;
    if (outcome.result <= 0) {
      const int number = outcome.result == 0 ? EIO : static_cast<int>(-outcome.result);
      *failure = {number, "preadv", "byte " + std::to_string(offset) + " of the pages file"};
      return false;
    }
    cursor.Advance(static_cast<uint64_t>(outcome.result));
  }
  return true;
}
