// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "errno_error.h"
#include "unique_fd.h"

/**
 * A long call on a session fd (or another one), of which it holds a duplicate. It is made on a
 * worker thread, where JS is out of reach.
 */
class SessionCall {
 public:
  virtual ~SessionCall() = default;

  /** Makes the call, once. */
  void Run() {
    if (!HasFailed()) Call();
  }
  bool HasFailed() const { return failure_.number != 0; }
  const ErrnoFailure& failure() const { return failure_; }

  /** What the call returns, on the JS thread. */
  virtual Napi::Value Result(Napi::Env env) = 0;
  /** Adds facts to the error, on the JS thread. */
  virtual void Describe(Napi::Env, Napi::Error&) {}

 protected:
  explicit SessionCall(int fd);

  virtual void Call() = 0;

  int fd() const { return fd_.get(); }

  /** One ioctl on the session; false after a failure, which is recorded. */
  bool Ioctl(unsigned long request, const char* name, void* args);

  void Fail(int number, std::string syscall, std::string context) {
    failure_ = {number, std::move(syscall), std::move(context)};
  }

  /**
   * Fills an array of which only the call knows how long it has to be. `call` gets the array's data
   * and length, and returns how many there are, or -1 after a failure.
   */
  template <typename T, typename Call>
  void FillArray(std::vector<T>* array, uint32_t capacity, const Call& call) {
    for (;;) {
      array->resize(capacity);
      const int64_t nr = call(reinterpret_cast<uintptr_t>(array->data()), capacity);
      if (nr < 0) return;
      if (nr <= capacity) return array->resize(nr);
      /* There may be more until the next call: leave room for that. */
      capacity = nr + nr / 8 + 16;
    }
  }

 private:
  UniqueFd fd_;
  ErrnoFailure failure_;
};

/** Makes a call on a worker thread. Returns a Promise of its result. */
Napi::Promise StartCall(Napi::Env env, std::unique_ptr<SessionCall> call);

using SessionCalls = std::vector<std::unique_ptr<SessionCall>>;

/**
 * Makes calls on several sessions one after the other: handing each to a worker thread of its own
 * would cost more than most of them do. Returns a Promise of an array of their results, with an
 * Error in the place of each that has failed.
 */
Napi::Promise StartCalls(Napi::Env env, SessionCalls calls);

/** An array of doubles as a Float64Array. */
inline Napi::Float64Array Float64ArrayOf(Napi::Env env, const std::vector<double>& values) {
  Napi::Float64Array array = Napi::Float64Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

std::unique_ptr<SessionCall> MakeLayout(int fd, uint32_t nr_vmas_hint);
std::unique_ptr<SessionCall> MakeSwap(int fd, const Napi::Float64Array& page_pairs, uint32_t flags,
                                      const Napi::Value& handle);
std::unique_ptr<SessionCall> MakeRevert(int fd, const Napi::Value& handle);
std::unique_ptr<SessionCall> MakeHarvest(int fd, uint32_t flags);
/** @param page_pairs start and end page of each range */
std::unique_ptr<SessionCall> MakeResident(int fd, const Napi::Float64Array& page_pairs);
std::unique_ptr<SessionCall> MakeDonors(int fd, const Napi::Float64Array& runs);
std::unique_ptr<SessionCall> MakeSharers(int fd, double start_page);
