// SPDX-License-Identifier: Apache-2.0
#include "data_runs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "promise_worker.h"
#include "session_call.h"
#include "unique_fd.h"

namespace {

constexpr int kPageShift = 12;

/** Walks SEEK_DATA and SEEK_HOLE; a page that is data in part counts whole. */
class DataRunsWorker : public PromiseWorker {
 public:
  DataRunsWorker(Napi::Env env, const Napi::Array& fds, const Napi::Float64Array& ranges)
      : PromiseWorker(env), ranges_(ranges.Data(), ranges.Data() + ranges.ElementLength()) {
    for (uint32_t i = 0; i < fds.Length(); i++) {
      fds_.emplace_back(fcntl(fds.Get(i).As<Napi::Number>(), F_DUPFD_CLOEXEC, 0));
      if (!fds_[i]) Fail(errno, "fcntl(F_DUPFD_CLOEXEC)", "file " + std::to_string(i));
    }
  }

 private:
  void Work() override {
    for (size_t i = 0; i + 2 < ranges_.size() && !HasFailed(); i += 3) {
      const size_t index = static_cast<size_t>(ranges_[i]);
      if (index >= fds_.size()) return Fail(EBADF, "lseek(SEEK_DATA)", "no such file");
      AddRuns(fds_[index].get(), static_cast<double>(i / 3), static_cast<off_t>(ranges_[i + 1]),
              static_cast<off_t>(ranges_[i + 2]));
    }
  }

  void AddRuns(int fd, double index, off_t page, off_t end) {
    while (page < end) {
      const off_t data = lseek(fd, page << kPageShift, SEEK_DATA);
      if (data < 0 && errno == ENXIO) return;
      if (data < 0) return Fail(errno, "lseek(SEEK_DATA)", "page " + std::to_string(page));
      const off_t first = data >> kPageShift;
      if (first >= end) return;
      const off_t hole = lseek(fd, data, SEEK_HOLE);
      if (hole < 0 && errno == ENXIO) return;
      if (hole < 0) return Fail(errno, "lseek(SEEK_HOLE)", "page " + std::to_string(first));
      page = std::max(first + 1, std::min(end, (hole + (1 << kPageShift) - 1) >> kPageShift));
      const double nr_pages = static_cast<double>(page - first);
      runs_.insert(runs_.end(), {index, static_cast<double>(first), nr_pages});
    }
  }

  Napi::Value Result(Napi::Env env) override { return Float64ArrayOf(env, runs_); }

  const std::vector<double> ranges_;
  std::vector<UniqueFd> fds_;
  std::vector<double> runs_;
};

/** dataRuns(fds, ranges: Float64Array): Promise of a Float64Array of index, page, nrPages */
Napi::Value DataRuns(const Napi::CallbackInfo& info) {
  return (new DataRunsWorker(info.Env(), info[0].As<Napi::Array>(),
                             info[1].As<Napi::Float64Array>()))
      ->Start();
}

}  // namespace

void InitDataRuns(Napi::Env env, Napi::Object exports) {
  exports.Set("dataRuns", Napi::Function::New<DataRuns>(env, "dataRuns"));
}
