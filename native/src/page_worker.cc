// SPDX-License-Identifier: Apache-2.0
#include "page_worker.h"

#include <cerrno>
#include <utility>

namespace tracker {
namespace {

template <typename Array>
auto GetCell(const Napi::Object& options, const char* name, napi_typedarray_type type,
             Napi::ObjectReference* reference) -> decltype(std::declval<Array>().Data()) {
  const Napi::Value value = options.Get(name);
  if (!value.IsTypedArray()) return nullptr;
  Array array = value.As<Array>();
  if (array.TypedArrayType() != type || array.ElementLength() < 1) return nullptr;
  *reference = Napi::Persistent(array.template As<Napi::Object>());
  return array.Data();
}

}  // namespace

PageWorker::PageWorker(const Napi::Object& options) : PromiseWorker(options.Env()) {
  progress_ = GetCell<Napi::Float64Array>(options, "progress", napi_float64_array, &progress_ref_);
  cancel_ = GetCell<Napi::Int32Array>(options, "cancel", napi_int32_array, &cancel_ref_);
}

bool PageWorker::IsCancelled() {
  if (cancel_ == nullptr || __atomic_load_n(cancel_, __ATOMIC_RELAXED) == 0) return false;
  is_cancelled_ = true;
  Fail(ECANCELED, "read", "pages");
  return true;
}

void PageWorker::AddProgress(uint64_t nr_pages) {
  if (progress_ == nullptr) return;
  // This thread is the only writer; JavaScript may read at any time.
  double pages;
  __atomic_load(progress_, &pages, __ATOMIC_RELAXED);
  pages += static_cast<double>(nr_pages);
  __atomic_store(progress_, &pages, __ATOMIC_RELAXED);
}

void PageWorker::Describe(Napi::Env env, Napi::Error& error) {
  if (!is_cancelled_) return;
  error.Set("name", Napi::String::New(env, "AbortError"));
  error.Set("message", Napi::String::New(env, "the operation was cancelled"));
  error.Set("code", Napi::String::New(env, "ABORT_ERR"));
}

Napi::Value ThrowType(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

int64_t GetInt(const Napi::Object& options, const char* name, int64_t fallback) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().Int64Value() : fallback;
}

std::string GetName(const Napi::Object& options, const char* name, const char* fallback) {
  const Napi::Value value = options.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string(fallback);
}

}  // namespace tracker
