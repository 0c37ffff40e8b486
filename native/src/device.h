// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

struct tracker_session_status;

/** Adds the calls on the device fd: deviceInfo, sessionOpen, status. */
void InitDevice(Napi::Env env, Napi::Object exports);

/** A session's status as a JS object; `id` is 32 hexadecimal digits, `after` a bigint. */
Napi::Object StatusObject(Napi::Env env, const tracker_session_status& status);
