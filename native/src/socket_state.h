// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds what is asked of sockets of other processes. */
void InitSocketState(Napi::Env env, Napi::Object exports);
