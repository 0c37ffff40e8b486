// SPDX-License-Identifier: Apache-2.0
#include "page_runs.h"

#include <algorithm>

#include "page_io.h"

namespace tracker {
namespace {

/// Page numbers of a 64-bit address space.
constexpr int64_t kMaxPage = int64_t{1} << 52;

bool ToIntegers(const double* row, size_t stride, int64_t* out) {
  for (size_t i = 0; i < stride; i++) {
    if (!(row[i] >= -1 && row[i] <= static_cast<double>(kMaxPage))) return false;
    out[i] = static_cast<int64_t>(row[i]);
    if (static_cast<double>(out[i]) != row[i]) return false;
  }
  return true;
}

}  // namespace

std::optional<std::vector<PageRun>> ParseRuns(const Napi::Object& options, size_t stride,
                                              PageRun (*parse)(const int64_t* row)) {
  const Napi::Value value = options.Get("runs");
  if (!value.IsTypedArray()) return std::nullopt;
  Napi::Float64Array table = value.As<Napi::Float64Array>();
  if (table.TypedArrayType() != napi_float64_array) return std::nullopt;
  if (table.ElementLength() % stride != 0) return std::nullopt;

  std::vector<PageRun> runs;
  runs.reserve(table.ElementLength() / stride);
  for (size_t i = 0; i < table.ElementLength(); i += stride) {
    int64_t row[5];
    if (!ToIntegers(table.Data() + i, stride, row)) return std::nullopt;
    const PageRun run = parse(row);
    if (run.page < 0 || run.nr_pages < 0) return std::nullopt;
    if (std::max(run.page, run.source) > kMaxPage - run.nr_pages) return std::nullopt;
    if (run.nr_pages > 0) runs.push_back(run);
  }
  return runs;
}

size_t RunCursor::Next(std::vector<PageRun>* pieces) {
  size_t nr_pages = 0;
  pieces->clear();
  while (nr_pages < kBatchPages && index_ < runs_.size()) {
    PageRun piece = runs_[index_];
    piece.page += done_;
    if (piece.source >= 0) piece.source += done_;
    const int64_t room = static_cast<int64_t>(kBatchPages - nr_pages);
    const int64_t left = piece.nr_pages - done_;
    piece.nr_pages = std::min(left, room);
    nr_pages += static_cast<size_t>(piece.nr_pages);
    pieces->push_back(piece);
    done_ = piece.nr_pages == left ? 0 : done_ + piece.nr_pages;
    if (done_ == 0) index_++;
  }
  return nr_pages;
}

void RunBuilder::Add(int64_t page) {
  const double number = static_cast<double>(page);
  const size_t size = pairs_.size();
  if (size > 0 && pairs_[size - 2] + pairs_[size - 1] == number) {
    pairs_[size - 1]++;
  } else {
    pairs_.insert(pairs_.end(), {number, 1});
  }
}

Napi::Float64Array RunBuilder::ToArray(Napi::Env env) const {
  Napi::Float64Array array = Napi::Float64Array::New(env, pairs_.size());
  std::copy(pairs_.begin(), pairs_.end(), array.Data());
  return array;
}

}  // namespace tracker
