// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds memberPages: which pages of several processes are one, by their page frames. */
void InitMemberPages(Napi::Env env, Napi::Object exports);
