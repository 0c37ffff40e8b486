// SPDX-License-Identifier: Apache-2.0
#include "page_copy.h"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "errno_error.h"
#include "page_check.h"
#include "page_compare.h"
#include "page_extents.h"
#include "page_io.h"
#include "page_runs.h"
#include "page_worker.h"
#include "page_writer.h"

namespace tracker {
namespace {

/// A file that pages are read from.
struct Source {
  int fd;
  pid_t pid;  // whose memory it is, or 0
  bool allow_unreadable;
  std::string name;
  std::vector<PageRun> runs;
};

/// Copies runs of pages from sources to the end of a pages file.
class PageCopier final : public PageWorker {
 public:
  PageCopier(const Napi::Object& options, std::vector<Source> sources)
      : PageWorker(options),
        sources_(std::move(sources)),
        out_offset_(static_cast<uint64_t>(GetInt(options, "outOffset", 0))),
        out_name_(GetName(options, "outName", "the pages file")),
        writer_(static_cast<int>(GetInt(options, "outFd", -1)), out_offset_),
        extents_(out_offset_ / kPageSize, static_cast<uint32_t>(GetInt(options, "round", 0))) {}

 protected:
  void Work() override;
  Napi::Value Result(Napi::Env env) override;

 private:
  bool CopySource();
  bool ReadBatch(const std::vector<PageRun>& pieces);
  bool AddPieces(const std::vector<PageRun>& pieces);
  bool AddPage(uint64_t page, size_t index);
  void AddUnreadable(uint64_t page);
  void FailWrite();

  const Source& source() const { return sources_[source_]; }

  const std::vector<Source> sources_;
  const uint64_t out_offset_;
  const std::string out_name_;
  size_t source_ = 0;  // the one in hand

  PageWriter writer_;
  uint8_t* data_ = nullptr;  // the batch in hand
  PageState states_[kBatchPages];
  std::vector<iovec> parts_;  // of data_, to be written
  ExtentBuilder extents_;
  std::vector<double> unreadable_;  // index of the source, page, nrPages
  uint64_t nr_zero_ = 0;
  uint64_t nr_pages_ = 0;
};

void PageCopier::Work() {
  for (source_ = 0; source_ < sources_.size() && CopySource(); source_++) {
  }
  // Whatever has happened: nothing is written any more when the promise is settled.
  if (!writer_.Finish() && !HasFailed()) FailWrite();
}

bool PageCopier::CopySource() {
  RunCursor cursor(source().runs);
  std::vector<PageRun> pieces;
  while (const size_t nr_pages = cursor.Next(&pieces)) {
    if (IsCancelled()) return false;
    data_ = writer_.Buffer();
    if (data_ == nullptr) return false;
    if (!ReadBatch(pieces) || !AddPieces(pieces)) return false;
    writer_.Submit(std::move(parts_));
    parts_.clear();
    AddProgress(nr_pages);
  }
  return true;
}

/// One read per stretch that is contiguous in the source.
bool PageCopier::ReadBatch(const std::vector<PageRun>& pieces) {
  size_t filled = 0;
  for (size_t i = 0; i < pieces.size();) {
    const int64_t first = pieces[i].source;
    int64_t end = first;
    for (; i < pieces.size() && pieces[i].source == end; i++) end += pieces[i].nr_pages;
    const size_t nr_pages = static_cast<size_t>(end - first);
    uint8_t* const data = data_ + filled * kPageSize;
    const int error =
        source().pid > 0
            ? ReadMemory(source().pid, source().fd, first, nr_pages, data, states_ + filled)
            : ReadPages(source().fd, first, nr_pages, data, states_ + filled);
    if (error != 0) {
      Fail(error, "pread", "page " + std::to_string(first) + " of " + source().name);
      return false;
    }
    filled += nr_pages;
  }
  return true;
}

bool PageCopier::AddPieces(const std::vector<PageRun>& pieces) {
  size_t index = 0;
  for (const PageRun& piece : pieces) {
    for (int64_t i = 0; i < piece.nr_pages; i++, index++) {
      if (AddPage(static_cast<uint64_t>(piece.page + i), index)) continue;
      const std::string number = std::to_string(piece.source + i);
      Fail(EIO, "pread", "page " + number + " of " + source().name);
      return false;
    }
  }
  return true;
}

/// Returns false for a page that could not be read, unless that is allowed.
bool PageCopier::AddPage(uint64_t page, size_t index) {
  uint8_t* const data = data_ + index * kPageSize;
  // The last page of a file is padded with zeros, as in memory.
  if (states_[index] == PageState::kMissing) {
    AddUnreadable(page);
    return source().allow_unreadable;
  }
  nr_pages_++;
  if (IsZeroPage(data)) {
    extents_.AddZero(page);
    nr_zero_++;
    return true;
  }
  extents_.AddStored(page, data);
  iovec* const last = parts_.empty() ? nullptr : &parts_.back();
  if (last != nullptr && static_cast<uint8_t*>(last->iov_base) + last->iov_len == data) {
    last->iov_len += kPageSize;
  } else {
    parts_.push_back({data, kPageSize});
  }
  return true;
}

void PageCopier::AddUnreadable(uint64_t page) {
  const double index = static_cast<double>(source_);
  const double number = static_cast<double>(page);
  double* const last = unreadable_.empty() ? nullptr : &unreadable_[unreadable_.size() - 3];
  if (last != nullptr && last[0] == index && last[1] + last[2] == number) {
    last[2]++;
  } else {
    unreadable_.insert(unreadable_.end(), {index, number, 1});
  }
}

void PageCopier::FailWrite() {
  const std::string offset = std::to_string(writer_.offset());
  Fail(writer_.error(), "pwrite", "offset " + offset + " of " + out_name_);
}

Napi::Value PageCopier::Result(Napi::Env env) {
  const std::vector<Extent>& extents = extents_.extents();
  Napi::Uint8Array table = Napi::Uint8Array::New(env, extents.size() * sizeof(Extent));
  if (!extents.empty()) memcpy(table.Data(), extents.data(), table.ByteLength());
  Napi::Float64Array unreadable = Napi::Float64Array::New(env, unreadable_.size());
  std::copy(unreadable_.begin(), unreadable_.end(), unreadable.Data());

  Napi::Object result = Napi::Object::New(env);
  result.Set("extents", table);
  result.Set("unreadable", unreadable);
  result.Set("bytesWritten", static_cast<double>(writer_.offset() - out_offset_));
  result.Set("nrPages", static_cast<double>(nr_pages_));
  result.Set("nrZeroPages", static_cast<double>(nr_zero_));
  return result;
}

PageRun ParseCopyRun(const int64_t* row) { return {row[1], row[0], 0, row[2]}; }

/// Nothing where the runs make no sense.
std::optional<Source> ParseSource(const Napi::Object& options) {
  auto runs = ParseRuns(options, 3, ParseCopyRun);
  if (!runs) return std::nullopt;
  for (const PageRun& run : *runs)
    if (run.source < 0) return std::nullopt;
  return Source{static_cast<int>(GetInt(options, "fd", -1)),
                static_cast<pid_t>(GetInt(options, "pid", 0)),
                options.Get("allowUnreadable").ToBoolean(), GetName(options, "name", "the source"),
                std::move(*runs)};
}

/// Nothing where a source is none.
std::optional<std::vector<Source>> ParseSources(const Napi::Value& value) {
  if (!value.IsArray()) return std::nullopt;
  const Napi::Array list = value.As<Napi::Array>();
  std::vector<Source> sources;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value options = list.Get(i);
    auto source = options.IsObject() ? ParseSource(options.As<Napi::Object>()) : std::nullopt;
    if (!source) return std::nullopt;
    sources.push_back(std::move(*source));
  }
  return sources;
}

Napi::Value CopyPages(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) return ThrowType(info.Env(), "copyPages: options must be an object");
  const Napi::Object options = info[0].As<Napi::Object>();
  auto sources = ParseSources(options.Get("sources"));
  if (!sources) {
    return ThrowType(info.Env(), "copyPages: runs must be [sourcePage, page, nrPages] triples");
  }
  if (GetInt(options, "outOffset", 0) % static_cast<int64_t>(kPageSize) != 0) {
    return ThrowType(info.Env(), "copyPages: outOffset must be a multiple of 4096");
  }
  return (new PageCopier(options, std::move(*sources)))->Start();
}

Napi::Value Flock(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) return ThrowType(info.Env(), "flock: fd must be a number");
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const int operation =
      (info[1].ToBoolean() ? LOCK_EX : LOCK_SH) | (info[2].ToBoolean() ? LOCK_NB : 0);
  int result;
  do {
    result = flock(fd, operation);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    ThrowErrno(info.Env(), errno, "flock", "fd " + std::to_string(fd));
  }
  return info.Env().Undefined();
}

}  // namespace
}  // namespace tracker

void InitPageCopy(Napi::Env env, Napi::Object exports) {
  exports.Set("copyPages", Napi::Function::New(env, tracker::CopyPages, "copyPages"));
  exports.Set("checkExtents", Napi::Function::New(env, tracker::CheckExtents, "checkExtents"));
  exports.Set("comparePages", Napi::Function::New(env, tracker::ComparePages, "comparePages"));
  exports.Set("flock", Napi::Function::New(env, tracker::Flock, "flock"));
}
