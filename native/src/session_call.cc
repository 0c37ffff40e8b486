// SPDX-License-Identifier: Apache-2.0
#include "session_call.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "promise_worker.h"

namespace {

class CallWorker : public PromiseWorker {
 public:
  CallWorker(Napi::Env env, std::unique_ptr<SessionCall> call)
      : PromiseWorker(env), call_(std::move(call)) {}

 private:
  void Work() override {
    call_->Run();
    const ErrnoFailure& failure = call_->failure();
    if (call_->HasFailed()) Fail(failure.number, failure.syscall, failure.context);
  }

  Napi::Value Result(Napi::Env env) override { return call_->Result(env); }
  void Describe(Napi::Env env, Napi::Error& error) override { call_->Describe(env, error); }

  const std::unique_ptr<SessionCall> call_;
};

class CallsWorker : public PromiseWorker {
 public:
  CallsWorker(Napi::Env env, SessionCalls calls) : PromiseWorker(env), calls_(std::move(calls)) {}

 private:
  void Work() override {
    for (const auto& call : calls_) call->Run();
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array results = Napi::Array::New(env, calls_.size());
    for (uint32_t i = 0; i < calls_.size(); i++) {
      /* Thousands of them: their handles must not pile up. */
      Napi::HandleScope scope(env);
      results.Set(i, Outcome(env, *calls_[i]));
    }
    return results;
  }

  static Napi::Value Outcome(Napi::Env env, SessionCall& call) {
    if (!call.HasFailed()) return call.Result(env);
    Napi::Error error = ErrnoError(env, call.failure());
    call.Describe(env, error);
    return error.Value();
  }

  const SessionCalls calls_;
};

}  // namespace

SessionCall::SessionCall(int fd) : fd_(fcntl(fd, F_DUPFD_CLOEXEC, 0)) {
  if (!fd_) Fail(errno, "fcntl(F_DUPFD_CLOEXEC)", "session fd " + std::to_string(fd));
}

bool SessionCall::Ioctl(unsigned long request, const char* name, void* args) {
  if (ioctl(fd_.get(), request, args) >= 0) return true;
  Fail(errno, std::string("ioctl(") + name + ")", "the session");
  return false;
}

Napi::Promise StartCall(Napi::Env env, std::unique_ptr<SessionCall> call) {
  return (new CallWorker(env, std::move(call)))->Start();
}

Napi::Promise StartCalls(Napi::Env env, SessionCalls calls) {
  return (new CallsWorker(env, std::move(calls)))->Start();
}
