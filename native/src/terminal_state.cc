// SPDX-License-Identifier: Apache-2.0
#include "terminal_state.h"

#include <asm/termbits.h>
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "duplicate_fd.h"
#include "errno_error.h"
#include "remote_values.h"
#include "unique_fd.h"

namespace {

/** The background may set a terminal only while it does not listen to SIGTTOU. */
class WithoutSigttou {
 public:
  WithoutSigttou() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~WithoutSigttou() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WithoutSigttou(const WithoutSigttou&) = delete;
  WithoutSigttou& operator=(const WithoutSigttou&) = delete;

 private:
  sigset_t before_;
};

/** What an ioctl writes; 0 where it is not known. */
int NumberOf(int fd, unsigned long request) {
  int number = 0;
  return ioctl(fd, request, &number) == 0 ? number : 0;
}

/** terminalState(pid, fd): see native-remote.ts */
Napi::Value TerminalState(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const pid_t pid = info[0].As<Napi::Number>();
  const int fd = info[1].As<Napi::Number>();
  const std::string name = "fd " + std::to_string(fd) + " of pid " + std::to_string(pid);
  UniqueFd own = DuplicateFd(pid, fd);
  if (!own) return ThrowErrno(env, errno, "pidfd_getfd", name);
  termios2 settings = {};
  if (ioctl(own.get(), TCGETS2, &settings) != 0) return ThrowErrno(env, errno, "TCGETS2", name);
  struct winsize size = {};
  ioctl(own.get(), TIOCGWINSZ, &size);
  int index = -1;
  if (ioctl(own.get(), TIOCGPTN, &index) != 0) index = -1;
  Napi::Object result = Napi::Object::New(env);
  result.Set("settings", BytesOf(env, &settings, sizeof(settings)));
  result.Set("windowSize", BytesOf(env, &size, sizeof(size)));
  result.Set("discipline", NumberOf(own.get(), TIOCGETD));
  result.Set("isExclusive", NumberOf(own.get(), TIOCGEXCL) != 0);
  result.Set("waiting", NumberOf(own.get(), FIONREAD));
  result.Set("index", index);
  result.Set("isLocked", NumberOf(own.get(), TIOCGPTLCK) != 0);
  result.Set("isPacketMode", NumberOf(own.get(), TIOCGPKT) != 0);
  return result;
}

/** setTerminal(fd, settings, group) */
Napi::Value SetTerminal(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>();
  const std::vector<uint8_t> bytes = BytesIn(info[1]);
  const pid_t group = info[2].As<Napi::Number>();
  termios2 settings = {};
  std::copy_n(bytes.begin(), std::min(bytes.size(), sizeof(settings)),
              reinterpret_cast<uint8_t*>(&settings));
  const WithoutSigttou without_sigttou;
  const std::string name = "fd " + std::to_string(fd);
  if (ioctl(fd, TCSETS2, &settings) != 0) return ThrowErrno(info.Env(), errno, "TCSETS2", name);
  if (ioctl(fd, TIOCSPGRP, &group) != 0) return ThrowErrno(info.Env(), errno, "TIOCSPGRP", name);
  return info.Env().Undefined();
}

/** foregroundGroup(fd): TIOCGPGRP */
Napi::Value ForegroundGroup(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>();
  pid_t group = 0;
  if (ioctl(fd, TIOCGPGRP, &group) != 0)
    return ThrowErrno(info.Env(), errno, "TIOCGPGRP", "fd " + std::to_string(fd));
  return Napi::Number::New(info.Env(), group);
}

}  // namespace

void InitTerminalState(Napi::Env env, Napi::Object exports) {
  exports.Set("terminalState", Napi::Function::New<TerminalState>(env, "terminalState"));
  exports.Set("setTerminal", Napi::Function::New<SetTerminal>(env, "setTerminal"));
  exports.Set("foregroundGroup", Napi::Function::New<ForegroundGroup>(env, "foregroundGroup"));
}
