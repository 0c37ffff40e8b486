// SPDX-License-Identifier: Apache-2.0
#include <napi.h>

#include "data_runs.h"
#include "device.h"
#include "file_state.h"
#include "member_pages.h"
#include "page_copy.h"
#include "pipe_content.h"
#include "process_calls.h"
#include "ptrace.h"
#include "remote_stub_api.h"
#include "remote_target.h"
#include "scheduler_clock.h"
#include "session.h"
#include "socket_state.h"
#include "terminal_state.h"
#include "unix_sockets.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  InitDevice(env, exports);
  InitSession(env, exports);
  InitPtrace(env, exports);
  InitPageCopy(env, exports);
  InitDataRuns(env, exports);
  InitFileState(env, exports);
  InitMemberPages(env, exports);
  InitPipeContent(env, exports);
  InitProcessCalls(env, exports);
  InitRemoteTarget(env, exports);
  InitSchedulerClock(env, exports);
  InitRemoteStub(env, exports);
  InitSocketState(env, exports);
  InitTerminalState(env, exports);
  InitUnixSockets(env, exports);
  return exports;
}

NODE_API_MODULE(tracker, Init)
