// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "promise_worker.h"
#include "unique_fd.h"

/** A long call on a session fd, of which it holds a duplicate. */
class SessionWorker : public PromiseWorker {
 protected:
  SessionWorker(Napi::Env env, int fd)
      : PromiseWorker(env), session_(fcntl(fd, F_DUPFD_CLOEXEC, 0)) {
    if (!session_) Fail(errno, "fcntl(F_DUPFD_CLOEXEC)", "session fd " + std::to_string(fd));
  }

  virtual void Call() = 0;

  int session() const { return session_.get(); }

  /** One ioctl on the session; false after a failure, which is recorded. */
  bool Ioctl(unsigned long request, const char* name, void* args) {
    if (ioctl(session_.get(), request, args) >= 0) return true;
    Fail(errno, std::string("ioctl(") + name + ")", "the session");
    return false;
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
  void Work() final {
    if (!HasFailed()) Call();
  }

  UniqueFd session_;
};

/** An array of doubles as a Float64Array. */
inline Napi::Float64Array Float64ArrayOf(Napi::Env env, const std::vector<double>& values) {
  Napi::Float64Array array = Napi::Float64Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Promise StartLayout(Napi::Env env, int fd, uint32_t nr_vmas_hint);
Napi::Promise StartSwap(Napi::Env env, int fd, const Napi::Float64Array& page_pairs, uint32_t flags,
                        const Napi::Value& handle);
Napi::Promise StartRevert(Napi::Env env, int fd, const Napi::Value& handle);
Napi::Promise StartHarvest(Napi::Env env, int fd);
Napi::Promise StartResident(Napi::Env env, int fd, double start_page, double end_page);
Napi::Promise StartDonors(Napi::Env env, int fd, const Napi::Float64Array& runs);
Napi::Promise StartSharers(Napi::Env env, int fd, double start_page);
