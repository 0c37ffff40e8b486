// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds stubStart, stubCalls, stubRead, stubFinish and stubKill. */
void InitRemoteStub(Napi::Env env, Napi::Object exports);
