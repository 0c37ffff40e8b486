// SPDX-License-Identifier: Apache-2.0
#include "errno_error.h"

#include <string.h>

#include <utility>

namespace {

std::string NameOf(int number) {
  const char* name = strerrorname_np(number);
  return name ? name : "errno " + std::to_string(number);
}

std::string DescriptionOf(int number) {
  const char* description = strerrordesc_np(number);
  return description ? description : "unknown error";
}

}  // namespace

Napi::Error ErrnoError(Napi::Env env, const ErrnoFailure& failure) {
  const std::string name = NameOf(failure.number);
  std::string message = name + ": " + DescriptionOf(failure.number) + ", " + failure.syscall;
  if (!failure.context.empty()) message += " of " + failure.context;
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, name));
  error.Set("errno", Napi::Number::New(env, -failure.number));
  error.Set("syscall", Napi::String::New(env, failure.syscall));
  return error;
}

Napi::Value ThrowErrno(Napi::Env env, int number, const char* syscall, std::string context) {
  ErrnoError(env, {number, syscall, std::move(context)}).ThrowAsJavaScriptException();
  return env.Undefined();
}
