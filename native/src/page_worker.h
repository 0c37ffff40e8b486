// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

#include "promise_worker.h"

namespace tracker {

/// Base of the page workers: a PromiseWorker that counts pages and can be
/// stopped. Its promise is rejected with the Error of a system call, or with an
/// AbortError (code ABORT_ERR) after the caller has set `cancel[0]`.
class PageWorker : public PromiseWorker {
 public:
  /// `options` may hold progress (Float64Array(1)) and cancel (Int32Array(1)).
  explicit PageWorker(const Napi::Object& options);

 protected:
  /// True once the caller wants the work stopped; the promise is then rejected.
  bool IsCancelled();
  void AddProgress(uint64_t nr_pages);

 private:
  void Describe(Napi::Env env, Napi::Error& error) final;

  Napi::ObjectReference progress_ref_;  // keeps the memory behind progress_ alive
  Napi::ObjectReference cancel_ref_;    // ... and behind cancel_
  double* progress_ = nullptr;
  int32_t* cancel_ = nullptr;
  bool is_cancelled_ = false;
};

/// Throws a JavaScript TypeError and returns undefined.
Napi::Value ThrowType(Napi::Env env, const std::string& message);

/// Integer option, or `fallback` where it is absent or no number.
int64_t GetInt(const Napi::Object& options, const char* name, int64_t fallback);

/// Name for messages: options[name], or `fallback`.
std::string GetName(const Napi::Object& options, const char* name, const char* fallback);

}  // namespace tracker
