// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds fileOwner, bytesWaiting, hasHungUp and pathOfHandle: of open files, what procfs hides. */
void InitFileState(Napi::Env env, Napi::Object exports);
