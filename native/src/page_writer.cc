// SPDX-License-Identifier: Apache-2.0
#include "page_writer.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace tracker {
namespace {

class Lock {
 public:
  explicit Lock(pthread_mutex_t* mutex) : mutex_(mutex) { pthread_mutex_lock(mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { pthread_mutex_unlock(mutex_); }

 private:
  pthread_mutex_t* const mutex_;
};

}  // namespace

uint8_t* PageWriter::Buffer() {
  // There is more than one batch. Without a thread the caller writes it himself.
  if (nr_submitted_ == 1 && !is_running_)
    is_running_ = pthread_create(&thread_, nullptr, Run, this) == 0;
  if (!is_running_ && nr_submitted_ > nr_written_) {
    Write(&batches_[nr_written_ % kNrBatches]);
    nr_written_++;
  }
  const Lock lock(&lock_);
  while (is_running_ && nr_submitted_ - nr_written_ == kNrBatches)
    pthread_cond_wait(&changed_, &lock_);
  if (error_ != 0) return nullptr;
  Batch& batch = batches_[nr_submitted_ % kNrBatches];
  if (batch.buffer == nullptr) batch.buffer = AllocatePages(kBatchPages);
  if (batch.buffer == nullptr) error_ = ENOMEM;
  return batch.buffer.get();
}

void PageWriter::Submit(std::vector<iovec> parts) {
  const Lock lock(&lock_);
  batches_[nr_submitted_++ % kNrBatches].parts = std::move(parts);
  pthread_cond_signal(&changed_);
}

bool PageWriter::Finish() {
  if (is_running_) {
    pthread_mutex_lock(&lock_);
    is_ending_ = true;
    pthread_cond_signal(&changed_);
    pthread_mutex_unlock(&lock_);
    pthread_join(thread_, nullptr);
    is_running_ = false;
  }
  for (; nr_written_ < nr_submitted_; nr_written_++) Write(&batches_[nr_written_ % kNrBatches]);
  return error_ == 0;
}

void* PageWriter::Run(void* self) {
  static_cast<PageWriter*>(self)->WriteAll();
  return nullptr;
}

void PageWriter::WriteAll() {
  pthread_mutex_lock(&lock_);
  for (;;) {
    while (nr_written_ == nr_submitted_ && !is_ending_) pthread_cond_wait(&changed_, &lock_);
    if (nr_written_ == nr_submitted_) break;
    Batch* const batch = &batches_[nr_written_ % kNrBatches];
    pthread_mutex_unlock(&lock_);
    Write(batch);
    pthread_mutex_lock(&lock_);
    nr_written_++;
    pthread_cond_signal(&changed_);
  }
  pthread_mutex_unlock(&lock_);
}

void PageWriter::Write(Batch* batch) {
  pthread_mutex_lock(&lock_);
  const bool is_over = error_ != 0;
  pthread_mutex_unlock(&lock_);
  if (is_over || batch->parts.empty()) return;
  uint64_t bytes = 0;
  for (const iovec& part : batch->parts) bytes += part.iov_len;
  const int error = WriteFully(fd_, &batch->parts, offset_);
  if (error != 0) {
    const Lock lock(&lock_);
    error_ = error;
    return;
  }
  // The disk begins now, not when all is there and waited for. Not every file can; none has to.
  sync_file_range(fd_, static_cast<off_t>(offset_), static_cast<off_t>(bytes),
                  SYNC_FILE_RANGE_WRITE);
  const Lock lock(&lock_);
  offset_ += bytes;
}

}  // namespace tracker
