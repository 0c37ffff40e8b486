// SPDX-License-Identifier: Apache-2.0
#include "pagemap_runs.h"

#include <cstdint>
#include <string>
#include <vector>

#include "pagemap.h"
#include "promise_worker.h"

namespace {

/** Finds the pages that private mappings of a process have of their own. */
class PagemapWorker : public PromiseWorker {
 public:
  PagemapWorker(Napi::Env env, int fd, const Napi::Float64Array& page_pairs)
      : PromiseWorker(env),
        pagemap_(fd),
        page_pairs_(page_pairs.Data(), page_pairs.Data() + page_pairs.ElementLength()) {}

 private:
  void Work() override {
    for (size_t i = 0; i + 1 < page_pairs_.size(); i += 2) {
      const auto start = static_cast<uint64_t>(page_pairs_[i]);
      const auto end = static_cast<uint64_t>(page_pairs_[i + 1]);
      const int error = pagemap_.FindOwn(start, end, &found_);
      if (error) {
        const std::string context = "the pagemap from page " + std::to_string(start) + " on";
        return Fail(error, pagemap_.failed_call(), context);
      }
    }
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Float64Array result = Napi::Float64Array::New(env, found_.size() * 2);
    size_t at = 0;
    for (const tracker::PageRange& range : found_) {
      result[at++] = static_cast<double>(range.page);
      result[at++] = static_cast<double>(range.nr_pages);
    }
    return result;
  }

  tracker::Pagemap pagemap_;
  const std::vector<double> page_pairs_;
  std::vector<tracker::PageRange> found_;
};

/** pagemapRuns(fd, pagePairs: Float64Array): Promise of a Float64Array of page, nrPages */
Napi::Value PagemapRuns(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>();
  return (new PagemapWorker(info.Env(), fd, info[1].As<Napi::Float64Array>()))->Start();
}

}  // namespace

void InitPagemapRuns(Napi::Env env, Napi::Object exports) {
  exports.Set("pagemapRuns", Napi::Function::New<PagemapRuns>(env, "pagemapRuns"));
}
