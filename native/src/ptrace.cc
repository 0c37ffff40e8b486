// SPDX-License-Identifier: Apache-2.0
#include "ptrace.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "errno_error.h"
#include "freeze.h"

namespace {

using Handle = std::shared_ptr<FrozenProcess>;

std::vector<pid_t> TidsOf(const Napi::Value& value) {
  std::vector<pid_t> tids;
  if (!value.IsArray()) return tids;
  const Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value tid = array[i];
    tids.push_back(tid.As<Napi::Number>().Int32Value());
  }
  return tids;
}

Napi::Value ThrowFailure(Napi::Env env, pid_t pid, const FreezeFailure& failure) {
  const std::string context =
      "thread " + std::to_string(failure.tid) + " of pid " + std::to_string(pid);
  Napi::Error error = ErrnoError(env, {failure.number, failure.syscall, context});
  error.Set("tid", Napi::Number::New(env, failure.tid));
  error.Set("state", failure.state ? std::string(1, failure.state) : std::string());
  error.Set("wchan", failure.wchan);
  error.Set("tracerPid", Napi::Number::New(env, failure.tracer));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

/** freeze(pid, timeoutMs, extraTids): { handle, tids, stopNs }; the error has tid, state, wchan */
Napi::Value Freeze(const Napi::CallbackInfo& info) {
  const pid_t pid = info[0].As<Napi::Number>();
  const std::chrono::milliseconds timeout(info[1].As<Napi::Number>().Int64Value());
  FreezeFailure failure;
  Handle frozen = FrozenProcess::Freeze(pid, TidsOf(info[2]), timeout, &failure);
  if (!frozen) return ThrowFailure(info.Env(), pid, failure);
  return FrozenTo(info.Env(), std::move(frozen));
}

/** thaw(handle): lets every thread go on; a second call does nothing */
Napi::Value Thaw(const Napi::CallbackInfo& info) {
  if (info[0].IsExternal()) info[0].As<Napi::External<Handle>>().Data()->reset();
  return info.Env().Undefined();
}

}  // namespace

Napi::Value FrozenTo(Napi::Env env, std::shared_ptr<FrozenProcess> frozen) {
  const std::vector<pid_t> tids = frozen->tids();
  Napi::Array array = Napi::Array::New(env, tids.size());
  for (size_t i = 0; i < tids.size(); i++) array[i] = Napi::Number::New(env, tids[i]);
  Napi::Object result = Napi::Object::New(env);
  result.Set("tids", array);
  result.Set("stopNs", static_cast<double>(frozen->stop_time().count()));
  result.Set("handle",
             Napi::External<Handle>::New(env, new Handle(std::move(frozen)),
                                         [](Napi::Env, Handle* handle) { delete handle; }));
  return result;
}

std::shared_ptr<FrozenProcess> FrozenOf(const Napi::Value& value) {
  return value.IsExternal() ? *value.As<Napi::External<Handle>>().Data() : nullptr;
}

void InitPtrace(Napi::Env env, Napi::Object exports) {
  exports.Set("freeze", Napi::Function::New<Freeze>(env, "freeze"));
  exports.Set("thaw", Napi::Function::New<Thaw>(env, "thaw"));
}
