// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds threadState and targetCalls: what a frozen target's threads are like. */
void InitRemoteTarget(Napi::Env env, Napi::Object exports);
