// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <memory>

/** Adds freeze and thaw. */
void InitPtrace(Napi::Env env, Napi::Object exports);

class FrozenProcess;

/**
 * What the handle that freeze() returned stands for; null once thawed. The process is let go when
 * the last one forgets it: a thaw during a swap takes effect when that is done.
 */
std::shared_ptr<FrozenProcess> FrozenOf(const Napi::Value& value);

/** What freeze() returns: { handle, tids, stopNs }. */
Napi::Value FrozenTo(Napi::Env env, std::shared_ptr<FrozenProcess> frozen);
