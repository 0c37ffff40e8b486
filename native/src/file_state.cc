// SPDX-License-Identifier: Apache-2.0
#include "file_state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "duplicate_fd.h"
#include "errno_error.h"
#include "remote_values.h"
#include "unique_fd.h"

namespace {

Napi::Value ThrowFor(Napi::Env env, const char* call, pid_t pid, int fd) {
  return ThrowErrno(env, errno, call,
                    "fd " + std::to_string(fd) + " of pid " + std::to_string(pid));
}

/** fileOwner(pid, fd): { type, id, signal }: F_GETOWN_EX and F_GETSIG */
Napi::Value FileOwner(const Napi::CallbackInfo& info) {
  const pid_t pid = info[0].As<Napi::Number>();
  const int fd = info[1].As<Napi::Number>();
  UniqueFd own = DuplicateFd(pid, fd);
  if (!own) return ThrowFor(info.Env(), "pidfd_getfd", pid, fd);
  f_owner_ex owner = {};
  const int signal = fcntl(own.get(), F_GETSIG);
  Napi::Object result = Napi::Object::New(info.Env());
  /* A descriptor by O_PATH has neither. */
  const bool has_owner = signal >= 0 && fcntl(own.get(), F_GETOWN_EX, &owner) == 0;
  result.Set("type", has_owner ? static_cast<int>(owner.type) : 0);
  result.Set("id", has_owner ? static_cast<int>(owner.pid) : 0);
  result.Set("signal", signal < 0 ? 0 : signal);
  return result;
}

/** bytesWaiting(pid, fd): FIONREAD */
Napi::Value BytesWaiting(const Napi::CallbackInfo& info) {
  const pid_t pid = info[0].As<Napi::Number>();
  const int fd = info[1].As<Napi::Number>();
  UniqueFd own = DuplicateFd(pid, fd);
  int length = 0;
  if (!own) return ThrowFor(info.Env(), "pidfd_getfd", pid, fd);
  if (ioctl(own.get(), FIONREAD, &length) != 0) return ThrowFor(info.Env(), "FIONREAD", pid, fd);
  return Napi::Number::New(info.Env(), length);
}

/** hasHungUp(pid, fd): poll's POLLHUP */
Napi::Value HasHungUp(const Napi::CallbackInfo& info) {
  const pid_t pid = info[0].As<Napi::Number>();
  const int fd = info[1].As<Napi::Number>();
  UniqueFd own = DuplicateFd(pid, fd);
  if (!own) return ThrowFor(info.Env(), "pidfd_getfd", pid, fd);
  pollfd end = {own.get(), 0, 0};
  return Napi::Boolean::New(info.Env(), poll(&end, 1, 0) > 0 && (end.revents & POLLHUP));
}

/** pathOfHandle(mountPoint, type, handle): where that file is now */
Napi::Value PathOfHandle(const Napi::CallbackInfo& info) {
  const std::string mount_point = info[0].As<Napi::String>();
  const std::vector<uint8_t> bytes = BytesIn(info[2]);
  std::vector<uint8_t> storage(sizeof(file_handle) + bytes.size());
  auto* const handle = reinterpret_cast<file_handle*>(storage.data());
  handle->handle_bytes = static_cast<unsigned int>(bytes.size());
  handle->handle_type = info[1].As<Napi::Number>();
  memcpy(handle->f_handle, bytes.data(), bytes.size());
  UniqueFd mount(open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!mount) return ThrowErrno(info.Env(), errno, "open", mount_point);
  UniqueFd file(open_by_handle_at(mount.get(), handle, O_PATH | O_CLOEXEC));
  if (!file) return ThrowErrno(info.Env(), errno, "open_by_handle_at", mount_point);
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  const ssize_t length = readlink(link.c_str(), path, sizeof(path));
  if (length < 0) return ThrowErrno(info.Env(), errno, "readlink", link);
  return Napi::String::New(info.Env(), path, static_cast<size_t>(length));
}

}  // namespace

void InitFileState(Napi::Env env, Napi::Object exports) {
  exports.Set("fileOwner", Napi::Function::New<FileOwner>(env, "fileOwner"));
  exports.Set("bytesWaiting", Napi::Function::New<BytesWaiting>(env, "bytesWaiting"));
  exports.Set("hasHungUp", Napi::Function::New<HasHungUp>(env, "hasHungUp"));
  exports.Set("pathOfHandle", Napi::Function::New<PathOfHandle>(env, "pathOfHandle"));
}
