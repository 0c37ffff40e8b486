// SPDX-License-Identifier: Apache-2.0
#include "page_io.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tracker {

PageBuffer AllocatePages(size_t nr_pages) {
  return PageBuffer(static_cast<uint8_t*>(aligned_alloc(kPageSize, nr_pages * kPageSize)));
}

bool IsZeroPage(const uint8_t* page) {
  uint64_t first;
  memcpy(&first, page, sizeof(first));
  // Comparing the page with itself, shifted, lets memcmp use its widest registers.
  return first == 0 && memcmp(page, page + sizeof(first), kPageSize - sizeof(first)) == 0;
}

size_t ReadFully(int fd, uint8_t* data, size_t length, uint64_t offset, int* error) {
  size_t done = 0;
  *error = 0;
  while (done < length) {
    const ssize_t n = pread(fd, data + done, length - done, static_cast<off_t>(offset + done));
    if (n > 0) {
      done += static_cast<size_t>(n);
    } else if (n == 0) {
      break;
    } else if (errno != EINTR) {
      *error = errno;
      break;
    }
  }
  return done;
}

int ReadPages(int fd, int64_t page, size_t nr_pages, uint8_t* data, PageState* states) {
  size_t i = 0;
  while (i < nr_pages) {
    const uint64_t offset = (static_cast<uint64_t>(page) + i) * kPageSize;
    uint8_t* const start = data + i * kPageSize;
    int error;
    const size_t done = ReadFully(fd, start, (nr_pages - i) * kPageSize, offset, &error);
    // pread knows no offset of 2^63 or more; [vsyscall] lies there.
    const bool is_beyond = error == EINVAL && offset > INT64_MAX;
    if (error != 0 && error != EIO && error != EFAULT && !is_beyond) return error;

    for (size_t whole = done / kPageSize; whole > 0; whole--) states[i++] = PageState::kWhole;
    if (i == nr_pages) break;
    const size_t rest = done % kPageSize;
    memset(data + i * kPageSize + rest, 0, kPageSize - rest);
    states[i++] = rest > 0 && error == 0 ? PageState::kPartial : PageState::kMissing;
  }
  return 0;
}

int ReadMemory(pid_t pid, int mem_fd, int64_t page, size_t nr_pages, uint8_t* data,
               PageState* states) {
  const iovec to = {data, nr_pages * kPageSize};
  const iovec from = {reinterpret_cast<void*>(page * static_cast<int64_t>(kPageSize)), to.iov_len};
  const ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);
  const size_t done = n > 0 ? static_cast<size_t>(n) / kPageSize : 0;
  std::fill_n(states, done, PageState::kWhole);
  if (done == nr_pages) return 0;
  return ReadPages(mem_fd, page + static_cast<int64_t>(done), nr_pages - done,
                   data + done * kPageSize, states + done);
}

int WriteFully(int fd, std::vector<iovec>* parts, uint64_t offset) {
  size_t part = 0;
  while (part < parts->size()) {
    ssize_t n = pwritev(fd, parts->data() + part, static_cast<int>(parts->size() - part),
                        static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    offset += static_cast<uint64_t>(n);
    while (part < parts->size() && static_cast<size_t>(n) >= (*parts)[part].iov_len) {
      n -= static_cast<ssize_t>((*parts)[part++].iov_len);
    }
    if (n > 0) {
      iovec& rest = (*parts)[part];
      rest.iov_base = static_cast<uint8_t*>(rest.iov_base) + n;
      rest.iov_len -= static_cast<size_t>(n);
    }
  }
  return 0;
}

}  // namespace tracker
