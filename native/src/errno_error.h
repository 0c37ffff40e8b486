// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <string>

/** A failed system call, in plain C++ so that it can be filled in on any thread. */
struct ErrnoFailure {
  int number = 0;      /* a positive errno */
  std::string syscall; /* e.g. "ioctl(TRACKER_IOC_SWAP)" */
  std::string context; /* what it was about, e.g. "thread 7 of pid 5" */
};

/**
 * Makes the JS Error of a failed system call, in the shape of node's own: `code` ('ESRCH'), `errno`
 * (negative), `syscall`. Add further facts to the result with Set().
 */
Napi::Error ErrnoError(Napi::Env env, const ErrnoFailure& failure);

/** Throws ErrnoError() in JS; returns what a callback returns then. */
Napi::Value ThrowErrno(Napi::Env env, int number, const char* syscall, std::string context);
