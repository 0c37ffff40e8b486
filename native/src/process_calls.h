// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds calls about another process that Node.js does not have: kcmp, scheduling, exit. */
void InitProcessCalls(Napi::Env env, Napi::Object exports);
