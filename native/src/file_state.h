// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds fileOwner, bytesWaiting, hasHungUp and pathOfHandle: what procfs does not show of open files. */
void InitFileState(Napi::Env env, Napi::Object exports);
