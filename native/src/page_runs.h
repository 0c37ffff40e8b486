// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tracker {

/// A row of a run table, without its length: page numbers, or -1 for 'none'.
struct PageRun {
  int64_t page;    // of the target, and what results name
  int64_t source;  // page number inside the source or image file
  int64_t file;    // index into a list of fds; unused for copies
  int64_t nr_pages;
  bool is_existing_only = false;  // leave out pages that the target does not have
};

/// Reads options.runs, a Float64Array with `stride` numbers per run, by `parse`.
/// Nothing when it is no such array, or a number is fractional or out of range.
std::optional<std::vector<PageRun>> ParseRuns(const Napi::Object& options, size_t stride,
                                              PageRun (*parse)(const int64_t* row));

/// Cuts a run table into batches of at most kBatchPages pages.
class RunCursor {
 public:
  explicit RunCursor(const std::vector<PageRun>& runs) : runs_(runs) {}

  /// Fills `pieces` with the next batch. Returns its pages, 0 at the end.
  size_t Next(std::vector<PageRun>* pieces);

 private:
  const std::vector<PageRun>& runs_;
  size_t index_ = 0;
  int64_t done_ = 0;  // pages of runs_[index_] in earlier batches
};

/// Collects pages, in order, as runs.
class RunBuilder {
 public:
  void Add(int64_t page);
  /// Pairs of page, nrPages.
  Napi::Float64Array ToArray(Napi::Env env) const;

 private:
  std::vector<double> pairs_;
};

}  // namespace tracker
