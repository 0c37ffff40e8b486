// SPDX-License-Identifier: Apache-2.0
#include "socket_state.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "duplicate_fd.h"
#include "errno_error.h"
#include "remote_values.h"
#include "unique_fd.h"

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kMaxOptionBytes = 64;
/** No message of a unix socket is larger, unless the limits were raised beyond all measure. */
constexpr size_t kMaxMessageBytes = size_t{4} << 20;

struct Message {
  Bytes sender, content;
};

int OptionOf(int fd, int level, int name, Bytes* value) {
  socklen_t length = kMaxOptionBytes;
  value->assign(length, 0);
  if (getsockopt(fd, level, name, value->data(), &length) != 0) return errno;
  value->resize(length);
  return 0;
}

int NumberOf(int fd, int name) {
  int number = -1;
  socklen_t length = sizeof(number);
  return getsockopt(fd, SOL_SOCKET, name, &number, &length) == 0 ? number : -1;
}

template <typename Ask>
Bytes AddressOf(int fd, Ask ask) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (ask(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(&address);
  return Bytes(bytes, bytes + length);
}

bool HasEvent(int fd, short event) {
  pollfd end = {fd, event, 0};
  return poll(&end, 1, 0) > 0 && (end.revents & event);
}

bool IsShut(int fd) { return HasEvent(fd, POLLRDHUP); }

Napi::Value ThrowFor(Napi::Env env, const char* call, pid_t pid, int fd) {
  return ThrowErrno(env, errno, call,
                    "fd " + std::to_string(fd) + " of pid " + std::to_string(pid));
}

/** Those options that another new socket of the same kind has not. */
Napi::Array ChangedOptions(Napi::Env env, int fd, int fresh, const Napi::Int32Array& names) {
  Napi::Array changed = Napi::Array::New(env);
  Bytes value, usual;
  for (size_t i = 0; i + 1 < names.ElementLength(); i += 2) {
    const int level = names[i], name = names[i + 1];
    /* A kernel, or a kind of socket, that does not know an option has nothing to keep of it. */
    if (OptionOf(fd, level, name, &value) != 0) continue;
    if (OptionOf(fresh, level, name, &usual) == 0 && value == usual) continue;
    Napi::Object option = Napi::Object::New(env);
    option.Set("level", level);
    option.Set("name", name);
    option.Set("value", BytesOf(env, value.data(), value.size()));
    changed.Set(changed.Length(), option);
  }
  return changed;
}

/**
 * socketState(pid, fd, names): { domain, type, protocol, isListening, isShut, hasError, hasFilter,
 * local, remote, tcpInfo, options }; names: level and name of each option that is looked at
 */
Napi::Value SocketState(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const pid_t pid = info[0].As<Napi::Number>();
  const int fd = info[1].As<Napi::Number>();
  UniqueFd own = DuplicateFd(pid, fd);
  if (!own) return ThrowFor(env, "pidfd_getfd", pid, fd);
  const int domain = NumberOf(own.get(), SO_DOMAIN), type = NumberOf(own.get(), SO_TYPE),
            protocol = NumberOf(own.get(), SO_PROTOCOL);
  if (domain < 0 || type < 0 || protocol < 0) return ThrowFor(env, "getsockopt", pid, fd);
  Napi::Object result = Napi::Object::New(env);
  result.Set("domain", domain);
  result.Set("type", type);
  result.Set("protocol", protocol);
  result.Set("isListening", NumberOf(own.get(), SO_ACCEPTCONN) == 1);
  result.Set("isShut", IsShut(own.get()));
  result.Set("hasError", HasEvent(own.get(), POLLERR));
  const Bytes local = AddressOf(own.get(), getsockname), remote = AddressOf(own.get(), getpeername);
  result.Set("local", BytesOf(env, local.data(), local.size()));
  result.Set("remote", BytesOf(env, remote.data(), remote.size()));
  Bytes tcp;
  if (protocol != IPPROTO_TCP || OptionOf(own.get(), IPPROTO_TCP, TCP_INFO, &tcp) != 0) tcp.clear();
  result.Set("tcpInfo", BytesOf(env, tcp.data(), tcp.size()));
  socklen_t nr_instructions = 0;
  getsockopt(own.get(), SOL_SOCKET, SO_GET_FILTER, nullptr, &nr_instructions);
  result.Set("hasFilter", nr_instructions > 0);
  const Napi::Int32Array names = info[2].As<Napi::Int32Array>();
  UniqueFd fresh(names.ElementLength() ? socket(domain, type | SOCK_CLOEXEC, protocol) : -1);
  if (names.ElementLength() && !fresh) return ThrowFor(env, "socket", pid, fd);
  result.Set("options", ChangedOptions(env, own.get(), fresh.get(), names));
  return result;
}

/** All bytes of a stream, as one message; 0 or an errno. */
int PeekStream(int fd, std::vector<Message>* messages) {
  int length = 0;
  if (ioctl(fd, FIONREAD, &length) != 0) return errno;
  if (length == 0) return 0;
  Bytes content(static_cast<size_t>(length));
  const ssize_t nr_peeked = recv(fd, content.data(), content.size(), MSG_PEEK | MSG_DONTWAIT);
  if (nr_peeked < 0) return errno;
  /* The kernel does not join what different senders have written. */
  if (nr_peeked != length) return EMSGSIZE;
  messages->push_back({{}, std::move(content)});
  return 0;
}

/** Peeks one by one, from where SO_PEEK_OFF says. */
int PeekMessages(int fd, std::vector<Message>* messages) {
  Bytes buffer(kMaxMessageBytes);
  for (;;) {
    sockaddr_storage sender = {};
    iovec part = {buffer.data(), buffer.size()};
    msghdr header = {};
    header.msg_name = &sender;
    header.msg_namelen = sizeof(sender);
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const ssize_t length = recvmsg(fd, &header, MSG_PEEK | MSG_DONTWAIT);
    if (length < 0) return errno == EAGAIN ? 0 : errno;
    if (header.msg_flags & MSG_TRUNC) return EMSGSIZE;
    /* A packet of no bytes looks like the end where the peer has gone. */
    if (length == 0 && header.msg_namelen == 0 && IsShut(fd)) return 0;
    const uint8_t* name = reinterpret_cast<const uint8_t*>(&sender);
    messages->push_back(
        {Bytes(name, name + header.msg_namelen), Bytes(buffer.begin(), buffer.begin() + length)});
  }
}

int PeekQueue(int fd, int type, std::vector<Message>* messages) {
  if (type == SOCK_STREAM) return PeekStream(fd, messages);
  int old = -1;
  socklen_t length = sizeof(old);
  const int start = 0;
  if (getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &old, &length) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)) != 0)
    return errno;
  const int error = PeekMessages(fd, messages);
  if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &old, sizeof(old)) != 0) return errno;
  return error;
}

/** socketQueue(pid, fd): [{ sender, content }] of a unix socket, which keeps them */
Napi::Value SocketQueue(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const pid_t pid = info[0].As<Napi::Number>();
  const int fd = info[1].As<Napi::Number>();
  UniqueFd own = DuplicateFd(pid, fd);
  if (!own) return ThrowFor(env, "pidfd_getfd", pid, fd);
  std::vector<Message> messages;
  errno = PeekQueue(own.get(), NumberOf(own.get(), SO_TYPE), &messages);
  if (errno) return ThrowFor(env, "recvmsg(MSG_PEEK)", pid, fd);
  Napi::Array result = Napi::Array::New(env, messages.size());
  for (size_t i = 0; i < messages.size(); i++) {
    const Message& message = messages[i];
    Napi::Object object = Napi::Object::New(env);
    object.Set("sender", BytesOf(env, message.sender.data(), message.sender.size()));
    object.Set("content", BytesOf(env, message.content.data(), message.content.size()));
    result[static_cast<uint32_t>(i)] = object;
  }
  return result;
}

}  // namespace

void InitSocketState(Napi::Env env, Napi::Object exports) {
  exports.Set("socketState", Napi::Function::New<SocketState>(env, "socketState"));
  exports.Set("socketQueue", Napi::Function::New<SocketQueue>(env, "socketQueue"));
}
