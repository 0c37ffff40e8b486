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
  DataRunsWorker(Napi::Env env, int fd, double startPage, double endPage)
      : SessionWorker(env, fd),
        page_(static_cast<off_t>(startPage)),
        end_(static_cast<off_t>(endPage)) {}

 private:
  void Call() override {
    while (page_ < end_) {
      const off_t data = lseek(session(), page_ << kPageShift, SEEK_DATA);
      if (data < 0 && errno == ENXIO) return;
      if (data < 0) return Fail(errno, "lseek(SEEK_DATA)", "page " + std::to_string(page_));
      const off_t first = data >> kPageShift;
      if (first >= end_) return;
      const off_t hole = lseek(session(), data, SEEK_HOLE);
      if (hole < 0 && errno == ENXIO) return;
      if (hole < 0) return Fail(errno, "lseek(SEEK_HOLE)", "page " + std::to_string(first));
      page_ = std::max(first + 1, std::min(end_, (hole + (1 << kPageShift) - 1) >> kPageShift));
      runs_.insert(runs_.end(), {static_cast<double>(first), static_cast<double>(page_ - first)});
    }
  }

  Napi::Value Result(Napi::Env env) override { return Float64ArrayOf(env, runs_); }

  off_t page_;
  const off_t end_;
  std::vector<double> runs_;
};

/** dataRuns(fd, startPage, endPage): Promise of a Float64Array of page, nrPages */
Napi::Value DataRuns(const Napi::CallbackInfo& info) {
  return (new DataRunsWorker(info.Env(), info[0].As<Napi::Number>(), info[1].As<Napi::Number>(),
                             info[2].As<Napi::Number>()))
      ->Start();
}

}  // namespace

void InitDataRuns(Napi::Env env, Napi::Object exports) {
  exports.Set("dataRuns", Napi::Function::New<DataRuns>(env, "dataRuns"));
}
