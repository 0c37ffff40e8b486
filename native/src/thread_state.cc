// SPDX-License-Identifier: Apache-2.0
#include "thread_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <memory>

#include "unique_fd.h"

namespace {

/** Start of a file in /proc/TID; empty when the thread is gone. */
std::string ReadProc(pid_t tid, const char* name) {
  const std::string path = "/proc/" + std::to_string(tid) + "/" + name;
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  const ssize_t length = fd ? read(fd.get(), buffer, sizeof(buffer)) : -1;
  return std::string(buffer, length > 0 ? length : 0);
}

struct DirCloser {
  void operator()(DIR* dir) const { closedir(dir); }
};

}  // namespace

int ListThreads(pid_t pid, std::vector<pid_t>* tids) {
  tids->clear();
  const std::string path = "/proc/" + std::to_string(pid) + "/task";
  std::unique_ptr<DIR, DirCloser> dir(opendir(path.c_str()));
  if (!dir) return errno == ENOENT ? ESRCH : errno;
  while (const dirent* entry = readdir(dir.get())) {
    const pid_t tid = atoi(entry->d_name);
    if (tid > 0) tids->push_back(tid);
  }
  return 0;
}

char ThreadState(pid_t tid) {
  const std::string stat = ReadProc(tid, "stat");
  /* The name before the state may hold spaces and parentheses of its own. */
  const size_t end_of_name = stat.rfind(')');
  return end_of_name != std::string::npos && end_of_name + 2 < stat.size() ? stat[end_of_name + 2]
                                                                           : 0;
}

bool HasExited(pid_t tid) {
  const char state = ThreadState(tid);
  return state == 0 || state == 'Z' || state == 'X' || state == 'x';
}

std::string WaitChannel(pid_t tid) {
  const std::string name = ReadProc(tid, "wchan");
  return name == "0" ? "" : name;
}

pid_t StatusNumber(pid_t tid, const char* field) {
  const std::string status = ReadProc(tid, "status");
  const std::string key = std::string("\n") + field + ":";
  const size_t at = status.find(key);
  return at == std::string::npos ? 0 : atoi(status.c_str() + at + key.size());
}
