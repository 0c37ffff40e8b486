// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds freeze and thaw. */
void InitPtrace(Napi::Env env, Napi::Object exports);
