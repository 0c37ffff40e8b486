// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds freeze and thaw. */
void InitPtrace(Napi::Env env, Napi::Object exports);

class FrozenProcess;

/**
 * What the handle that freeze() returned stands for; null once thawed. JS holds an External of a
 * std::unique_ptr: collected while still frozen, it thaws.
 */
FrozenProcess* FrozenOf(const Napi::Value& value);
