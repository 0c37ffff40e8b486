// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds schedulerOffsets: what time it is by a CPU's own clock. */
void InitSchedulerClock(Napi::Env env, Napi::Object exports);
