// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds the list of unix sockets. */
void InitUnixSockets(Napi::Env env, Napi::Object exports);
