// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "page_io.h"

namespace tracker {

/// Writes batches of pages to a file, one behind the other, on a thread of its
/// own: what is written is on its way to the disk while the next batch is read.
/// One batch alone is written by the caller, who pays for no thread then.
class PageWriter {
 public:
  PageWriter(int fd, uint64_t offset) : fd_(fd), offset_(offset) {}
  PageWriter(const PageWriter&) = delete;
  PageWriter& operator=(const PageWriter&) = delete;
  ~PageWriter() { Finish(); }

  /// Memory for kBatchPages pages, until the next Submit(). Null where there is
  /// no memory, or after a failed write: error() says which.
  uint8_t* Buffer();

  /// Hands over what is to be written of Buffer().
  void Submit(std::vector<iovec> parts);

  /// Waits until all that was handed over is written.
  /// Returns false if it could not be: error() and offset() say why and where.
  bool Finish();

  /// 0, or the errno of the first failure.
  int error() const { return error_; }
  /// Byte of the file behind what has been written.
  uint64_t offset() const { return offset_; }

 private:
  struct Batch {
    PageBuffer buffer;
    std::vector<iovec> parts;
  };
  /// One is read, one is written, one lies between them.
  static constexpr size_t kNrBatches = 3;

  static void* Run(void* self);
  void WriteAll();
  void Write(Batch* batch);

  const int fd_;
  uint64_t offset_;
  int error_ = 0;
  Batch batches_[kNrBatches];

  bool is_running_ = false;
  pthread_t thread_;
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;  // for what follows, and for error_, offset_
  pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
  size_t nr_submitted_ = 0;
  size_t nr_written_ = 0;
  bool is_ending_ = false;
};

}  // namespace tracker
