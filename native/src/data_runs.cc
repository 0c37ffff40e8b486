// SPDX-License-Identifier: Apache-2.0
#include "data_runs.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "promise_worker.h"
#include "session_worker.h"

namespace {

constexpr int kPageShift = 12;

/** Walks SEEK_DATA and SEEK_HOLE; a page that is data in part counts whole. */
class DataRunsWorker : public SessionWorker {
 public:
  DataRunsWorker(Napi::Env env, int fd, const Napi::Float64Array& page_pairs)
      : SessionWorker(env, fd),
        page_pairs_(page_pairs.Data(), page_pairs.Data() + page_pairs.ElementLength()) {}

 private:
  void Call() override {
    for (size_t i = 0; i + 1 < page_pairs_.size() && !HasFailed(); i += 2) {
      AddRuns(static_cast<double>(i / 2), static_cast<off_t>(page_pairs_[i]),
              static_cast<off_t>(page_pairs_[i + 1]));
    }
  }

  void AddRuns(double index, off_t page, off_t end) {
    while (page < end) {
      const off_t data = lseek(session(), page << kPageShift, SEEK_DATA);
      if (data < 0 && errno == ENXIO) return;
      if (data < 0) return Fail(errno, "lseek(SEEK_DATA)", "page " + std::to_string(page));
      const off_t first = data >> kPageShift;
      if (first >= end) return;
      const off_t hole = lseek(session(), data, SEEK_HOLE);
      if (hole < 0 && errno == ENXIO) return;
      if (hole < 0) return Fail(errno, "lseek(SEEK_HOLE)", "page " + std::to_string(first));
      page = std::max(first + 1, std::min(end, (hole + (1 << kPageShift) - 1) >> kPageShift));
      const double nr_pages = static_cast<double>(page - first);
      runs_.insert(runs_.end(), {index, static_cast<double>(first), nr_pages});
    }
  }

  Napi::Value Result(Napi::Env env) override { return Float64ArrayOf(env, runs_); }

  const std::vector<double> page_pairs_;
  std::vector<double> runs_;
};

/** dataRuns(fd, pagePairs: Float64Array): Promise of a Float64Array of index, page, nrPages */
Napi::Value DataRuns(const Napi::CallbackInfo& info) {
  return (new DataRunsWorker(info.Env(), info[0].As<Napi::Number>(),
                             info[1].As<Napi::Float64Array>()))
      ->Start();
}

}  // namespace

void InitDataRuns(Napi::Env env, Napi::Object exports) {
  exports.Set("dataRuns", Napi::Function::New<DataRuns>(env, "dataRuns"));
}
