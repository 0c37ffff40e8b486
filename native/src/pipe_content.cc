// SPDX-License-Identifier: Apache-2.0
#include "pipe_content.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "errno_error.h"
#include "remote_values.h"
#include "unique_fd.h"

namespace {

/** The pipe's size and a copy of what is in it; 0 or an errno. */
int CopyPipe(const char* path, int* capacity, std::vector<uint8_t>* content) {
  UniqueFd pipe(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!pipe) return errno;
  *capacity = fcntl(pipe.get(), F_GETPIPE_SZ);
  int ends[2];
  if (*capacity < 0 || pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return errno;
  UniqueFd reader(ends[0]), writer(ends[1]);
  /* As many places as the other has: each may have little in it. */
  if (fcntl(writer.get(), F_SETPIPE_SZ, *capacity) < 0) return errno;
  const ssize_t length =
      tee(pipe.get(), writer.get(), static_cast<size_t>(*capacity), SPLICE_F_NONBLOCK);
  if (length < 0) return errno == EAGAIN ? 0 : errno;
  content->resize(static_cast<size_t>(length));
  const ssize_t nr_read = read(reader.get(), content->data(), content->size());
  if (nr_read < 0) return errno == EAGAIN ? 0 : errno;
  return nr_read == length ? 0 : EIO;
}

/** pipeContent(path): { capacity, content: Uint8Array } */
Napi::Value PipeContent(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  int capacity = 0;
  std::vector<uint8_t> content;
  const int error = CopyPipe(path.c_str(), &capacity, &content);
  if (error) return ThrowErrno(info.Env(), error, "tee", path);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("capacity", Napi::Number::New(info.Env(), capacity));
  result.Set("content", BytesOf(info.Env(), content.data(), content.size()));
  return result;
}

}  // namespace

void InitPipeContent(Napi::Env env, Napi::Object exports) {
  exports.Set("pipeContent", Napi::Function::New<PipeContent>(env, "pipeContent"));
}
