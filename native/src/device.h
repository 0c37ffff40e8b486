// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/types.h>
#include <napi.h>

#include <string>

struct tracker_session_status;

/** Adds the calls on the device fd: deviceInfo, sessionOpen, status. */
void InitDevice(Napi::Env env, Napi::Object exports);

/** 32 hexadecimal digits. */
std::string HexOf(const __u8 (&id)[16]);

/** A session's status as a JS object; `id` is 32 hexadecimal digits, `after` a bigint. */
Napi::Object StatusObject(Napi::Env env, const tracker_session_status& status);
