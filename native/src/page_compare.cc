// SPDX-License-Identifier: Apache-2.0
#include "page_compare.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "page_io.h"
#include "page_runs.h"
#include "page_worker.h"

namespace tracker {
namespace {

constexpr int64_t kPagemapBatch = 65536;

/// Compares a target's memory, read by address, with pages of image files.
class PageComparer final : public PageWorker {
 public:
  PageComparer(const Napi::Object& options, std::vector<PageRun> runs, std::vector<int> fds)
      : PageWorker(options),
        runs_(std::move(runs)),
        fds_(std::move(fds)),
        mem_fd_(static_cast<int>(GetInt(options, "memFd", -1))),
        pagemap_fd_(static_cast<int>(GetInt(options, "pagemapFd", -1))),
        limit_(static_cast<size_t>(GetInt(options, "limit", 16))) {}

 protected:
  void Work() override;
  Napi::Value Result(Napi::Env env) override;

 private:
  bool DropMissing();
  bool AddExisting(const PageRun& run, std::vector<PageRun>* runs);
  bool ReadMemory(const std::vector<PageRun>& pieces);
  bool ReadImage(const std::vector<PageRun>& pieces);
  void Compare(int64_t page, size_t index);

  std::vector<PageRun> runs_;
  const std::vector<int> fds_;
  const int mem_fd_;
  const int pagemap_fd_;
  const size_t limit_;

  PageBuffer memory_;
  PageBuffer image_;
  PageState memory_states_[kBatchPages];
  PageState image_states_[kBatchPages];
  std::vector<double> mismatches_;
  uint64_t nr_mismatches_ = 0;
  RunBuilder unreadable_;
  uint64_t nr_pages_ = 0;
};

void PageComparer::Work() {
  memory_ = AllocatePages(kBatchPages);
  image_ = AllocatePages(kBatchPages);
  if (memory_ == nullptr || image_ == nullptr) {
    return Fail(ENOMEM, "malloc", "the comparison buffers");
  }

  if (!DropMissing()) return;
  RunCursor cursor(runs_);
  std::vector<PageRun> pieces;
  while (const size_t nr_pages = cursor.Next(&pieces)) {
    if (IsCancelled() || !ReadMemory(pieces) || !ReadImage(pieces)) return;
    size_t index = 0;
    for (const PageRun& piece : pieces) {
      for (int64_t i = 0; i < piece.nr_pages; i++) Compare(piece.page + i, index++);
    }
    AddProgress(nr_pages);
  }
}

/// Replaces runs that ask for it by those of their pages that exist.
bool PageComparer::DropMissing() {
  std::vector<PageRun> runs;
  for (const PageRun& run : runs_) {
    if (!run.is_existing_only) {
      runs.push_back(run);
    } else if (IsCancelled() || !AddExisting(run, &runs)) {
      return false;
    }
  }
  runs_ = std::move(runs);
  return true;
}

/// Bits 63 and 62 of a pagemap entry: present, swapped out.
bool PageComparer::AddExisting(const PageRun& run, std::vector<PageRun>* runs) {
  const size_t nr_before = runs->size();
  std::vector<uint64_t> entries(kPagemapBatch);
  for (int64_t done = 0; done < run.nr_pages;) {
    const int64_t wanted = std::min<int64_t>(kPagemapBatch, run.nr_pages - done);
    const ssize_t bytes =
        pread(pagemap_fd_, entries.data(), static_cast<size_t>(wanted) * 8, (run.page + done) * 8);
    if (bytes <= 0) {
      Fail(bytes < 0 ? errno : EIO, "pread", "the page map of page " + std::to_string(run.page));
      return false;
    }
    for (int64_t i = 0; i < bytes / 8; i++) {
      if ((entries[static_cast<size_t>(i)] >> 62) == 0) continue;
      const int64_t shift = done + i;
      PageRun* const last = runs->size() == nr_before ? nullptr : &runs->back();
      if (last != nullptr && last->page + last->nr_pages == run.page + shift) {
        last->nr_pages++;
      } else {
        runs->push_back({run.page + shift, run.source + shift, run.file, 1});
      }
    }
    done += bytes / 8;
  }
  return true;
}

bool PageComparer::ReadMemory(const std::vector<PageRun>& pieces) {
  size_t filled = 0;
  for (size_t i = 0; i < pieces.size();) {
    const int64_t first = pieces[i].page;
    int64_t end = first;
    for (; i < pieces.size() && pieces[i].page == end; i++) end += pieces[i].nr_pages;
    const size_t nr_pages = static_cast<size_t>(end - first);
    uint8_t* const data = memory_.get() + filled * kPageSize;
    const int error = ReadPages(mem_fd_, first, nr_pages, data, memory_states_ + filled);
    if (error != 0) {
      Fail(error, "pread", "page " + std::to_string(first) + " of the target");
      return false;
    }
    filled += nr_pages;
  }
  return true;
}

bool PageComparer::ReadImage(const std::vector<PageRun>& pieces) {
  size_t filled = 0;
  for (const PageRun& piece : pieces) {
    const size_t nr_pages = static_cast<size_t>(piece.nr_pages);
    uint8_t* const data = image_.get() + filled * kPageSize;
    if (piece.file >= 0) {
      const int fd = fds_[static_cast<size_t>(piece.file)];
      const int error = ReadPages(fd, piece.source, nr_pages, data, image_states_ + filled);
      if (error != 0) {
        const std::string page = std::to_string(piece.source);
        Fail(error, "pread", "page " + page + " of image file " + std::to_string(piece.file));
        return false;
      }
    } else {
      memset(data, 0, nr_pages * kPageSize);
      for (size_t i = 0; i < nr_pages; i++) image_states_[filled + i] = PageState::kWhole;
    }
    filled += nr_pages;
  }
  return true;
}

void PageComparer::Compare(int64_t page, size_t index) {
  if (memory_states_[index] != PageState::kWhole) {
    unreadable_.Add(page);
    return;
  }
  nr_pages_++;
  const size_t offset = index * kPageSize;
  // The last page of a mapped file is padded with zeros, in memory too.
  const bool has_image = image_states_[index] != PageState::kMissing;
  if (has_image && memcmp(memory_.get() + offset, image_.get() + offset, kPageSize) == 0) return;
  nr_mismatches_++;
  if (mismatches_.size() < limit_) mismatches_.push_back(static_cast<double>(page));
}

Napi::Value PageComparer::Result(Napi::Env env) {
  Napi::Float64Array mismatches = Napi::Float64Array::New(env, mismatches_.size());
  for (size_t i = 0; i < mismatches_.size(); i++) mismatches[i] = mismatches_[i];
  Napi::Object result = Napi::Object::New(env);
  result.Set("mismatches", mismatches);
  result.Set("nrMismatches", static_cast<double>(nr_mismatches_));
  result.Set("unreadable", unreadable_.ToArray(env));
  result.Set("nrPages", static_cast<double>(nr_pages_));
  return result;
}

bool ParseFds(const Napi::Object& options, std::vector<int>* fds) {
  const Napi::Value value = options.Get("fds");
  if (!value.IsArray()) return false;
  const Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value fd = array.Get(i);
    if (!fd.IsNumber()) return false;
    fds->push_back(fd.As<Napi::Number>().Int32Value());
  }
  return true;
}

PageRun ParseCompareRun(const int64_t* row) {
  return {row[0], row[3], row[2], row[1], row[4] != 0};
}

/// A run either has an existing file and a page in it, or compares with zeros.
bool IsValid(const PageRun& run, size_t nr_files) {
  if (run.file < 0) return true;
  return static_cast<size_t>(run.file) < nr_files && run.source >= 0;
}

}  // namespace

Napi::Value ComparePages(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) return ThrowType(info.Env(), "comparePages: options must be an object");
  const Napi::Object options = info[0].As<Napi::Object>();
  std::vector<int> fds;
  if (!ParseFds(options, &fds)) {
    return ThrowType(info.Env(), "comparePages: fds must be an array of numbers");
  }
  auto runs = ParseRuns(options, 5, ParseCompareRun);
  bool is_valid = runs.has_value();
  for (size_t i = 0; is_valid && i < runs->size(); i++) {
    is_valid = IsValid((*runs)[i], fds.size());
  }
  if (!is_valid) {
    return ThrowType(
        info.Env(),
        "comparePages: runs must be rows of 5: page, nrPages, fdIndex, filePage, isExisting");
  }
  return (new PageComparer(options, std::move(*runs), std::move(fds)))->Start();
}

}  // namespace tracker
