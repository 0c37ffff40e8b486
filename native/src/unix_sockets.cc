// SPDX-License-Identifier: Apache-2.0
#include "unix_sockets.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "errno_error.h"
#include "unique_fd.h"

namespace {

/** The kernel fills no larger a buffer by one answer. */
constexpr size_t kAnswerBytes = 1 << 16;
constexpr uint32_t kShown = UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN;

struct UnixSocket {
  uint32_t inode = 0, name_inode = 0, waiting = 0, backlog = 0;
  int64_t peer = -1; /* 0: there was one that has gone */
  uint8_t shutdown = 0;
};

UnixSocket SocketOf(const nlmsghdr* header) {
  const unix_diag_msg* message = static_cast<const unix_diag_msg*>(NLMSG_DATA(header));
  UnixSocket found;
  found.inode = message->udiag_ino;
  const rtattr* attribute = reinterpret_cast<const rtattr*>(message + 1);
  int length = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof(*message)));
  for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length)) {
    const void* data = RTA_DATA(attribute);
    if (attribute->rta_type == UNIX_DIAG_PEER) {
      found.peer = *static_cast<const uint32_t*>(data);
    } else if (attribute->rta_type == UNIX_DIAG_SHUTDOWN) {
      found.shutdown = *static_cast<const uint8_t*>(data);
    } else if (attribute->rta_type == UNIX_DIAG_VFS) {
      found.name_inode = static_cast<const unix_diag_vfs*>(data)->udiag_vfs_ino;
    } else if (attribute->rta_type == UNIX_DIAG_RQLEN) {
      const unix_diag_rqlen* queue = static_cast<const unix_diag_rqlen*>(data);
      found.waiting = queue->udiag_rqueue;
      found.backlog = queue->udiag_wqueue;
    }
  }
  return found;
}

int Request(int fd) {
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } message = {};
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = AF_UNIX;
  message.request.udiag_states = ~0U;
  message.request.udiag_show = kShown;
  return send(fd, &message, sizeof(message), 0) < 0 ? errno : 0;
}

/** Takes the messages of one answer. @return 0, or an errno; is_last when there are no more */
int Take(const void* answer, size_t length, std::vector<UnixSocket>* sockets, bool* is_last) {
  const nlmsghdr* header = static_cast<const nlmsghdr*>(answer);
  for (; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
    if (header->nlmsg_type == NLMSG_DONE) *is_last = true;
    if (header->nlmsg_type == NLMSG_ERROR)
      return -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
    if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY) sockets->push_back(SocketOf(header));
  }
  return 0;
}

int ListSockets(std::vector<UnixSocket>* sockets) {
  UniqueFd diag(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!diag) return errno;
  int error = Request(diag.get());
  std::vector<uint64_t> answer(kAnswerBytes / sizeof(uint64_t));
  for (bool is_last = false; !error && !is_last;) {
    const ssize_t length = recv(diag.get(), answer.data(), kAnswerBytes, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return errno;
    error = Take(answer.data(), static_cast<size_t>(length), sockets, &is_last);
  }
  return error;
}

/** unixSockets(): [{ inode, nameInode, peer, shutdown, waiting, backlog }] of this network
 * namespace
 */
Napi::Value UnixSockets(const Napi::CallbackInfo& info) {
  std::vector<UnixSocket> sockets;
  const int error = ListSockets(&sockets);
  if (error) return ThrowErrno(info.Env(), error, "sock_diag", "unix sockets");
  Napi::Array result = Napi::Array::New(info.Env(), sockets.size());
  for (size_t i = 0; i < sockets.size(); i++) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("inode", sockets[i].inode);
    object.Set("nameInode", sockets[i].name_inode);
    object.Set("peer", static_cast<double>(sockets[i].peer));
    object.Set("shutdown", sockets[i].shutdown);
    object.Set("waiting", sockets[i].waiting);
    object.Set("backlog", sockets[i].backlog);
    result[static_cast<uint32_t>(i)] = object;
  }
  return result;
}

}  // namespace

void InitUnixSockets(Napi::Env env, Napi::Object exports) {
  exports.Set("unixSockets", Napi::Function::New<UnixSockets>(env, "unixSockets"));
}
