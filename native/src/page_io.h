// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace tracker {

inline constexpr size_t kPageSize = 4096;

/// Pages that are read before anything is written: 1 MiB, the IOV_MAX-safe unit.
inline constexpr size_t kBatchPages = 256;

struct FreeDeleter {
  void operator()(void* memory) const { free(memory); }
};
using PageBuffer = std::unique_ptr<uint8_t, FreeDeleter>;

/// Page-aligned memory, or null.
PageBuffer AllocatePages(size_t nr_pages);

bool IsZeroPage(const uint8_t* page);

/// Reads until `length` bytes are there, the file ends or a read fails.
/// Returns the bytes read. *error is the errno of the failure, 0 at the end of file.
size_t ReadFully(int fd, uint8_t* data, size_t length, uint64_t offset, int* error);

enum class PageState : uint8_t {
  kWhole,
  kPartial,  // the file ends inside the page; the rest of it was set to zero
  kMissing,  // behind the end of the file, or not readable
};

/// Reads `nr_pages` pages from page number `page` on, and goes on after a page
/// that cannot be read (EIO, EFAULT, end of file). Returns 0, or the errno of a
/// failure that is about the whole fd.
int ReadPages(int fd, int64_t page, size_t nr_pages, uint8_t* data, PageState* states);

/// As ReadPages(), of the memory of a process, of which `mem_fd` is /proc/PID/mem. Faster: what may
/// be read without force is not copied twice.
int ReadMemory(pid_t pid, int mem_fd, int64_t page, size_t nr_pages, uint8_t* data,
               PageState* states);

/// Writes all of `parts`, which it changes. Returns 0 or an errno.
int WriteFully(int fd, std::vector<iovec>* parts, uint64_t offset);

}  // namespace tracker
