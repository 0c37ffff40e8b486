// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <string>
#include <utility>

#include "errno_error.h"

/**
 * A blocking call on a libuv worker whose outcome becomes a Promise. Use: `return (new
 * SomeWorker(env, ...))->Start();` - it deletes itself when the promise is settled.
 */
class PromiseWorker : public Napi::AsyncWorker {
 public:
  /** Queues the work. Call it once. */
  Napi::Promise Start() {
    Napi::Promise promise = deferred_.Promise();
    Queue();
    return promise;
  }

 protected:
  explicit PromiseWorker(Napi::Env env)
      : Napi::AsyncWorker(env, "tracker"), deferred_(Napi::Promise::Deferred::New(env)) {}

  /** The call itself, on a worker thread, where JS is out of reach. */
  virtual void Work() = 0;
  /** The promise's value, on the JS thread. */
  virtual Napi::Value Result(Napi::Env env) = 0;
  /** Adds facts to the error, on the JS thread. */
  virtual void Describe(Napi::Env, Napi::Error&) {}

  /** Makes the promise reject. For Work(). */
  void Fail(int number, std::string syscall, std::string context) {
    failure_ = {number, std::move(syscall), std::move(context)};
  }
  bool HasFailed() const { return failure_.number != 0; }
  /** The errno given to Fail(), or 0. */
  int failure_number() const { return failure_.number; }

 private:
  void Execute() final { Work(); }

  void OnOK() final {
    if (HasFailed()) {
      Napi::Error error = ErrnoError(Env(), failure_);
      Describe(Env(), error);
      deferred_.Reject(error.Value());
    } else {
      deferred_.Resolve(Result(Env()));
    }
  }

  Napi::Promise::Deferred deferred_;
  ErrnoFailure failure_;
};
