// SPDX-License-Identifier: Apache-2.0
#include <napi.h>

#include "device.h"
#include "ptrace.h"
#include "session.h"
#if __has_include("page_copy.h")
#include "page_copy.h"
#define HAS_PAGE_COPY
#endif

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  InitDevice(env, exports);
  InitSession(env, exports);
  InitPtrace(env, exports);
#ifdef HAS_PAGE_COPY
  InitPageCopy(env, exports);
#endif
  return exports;
}

NODE_API_MODULE(tracker, Init)
