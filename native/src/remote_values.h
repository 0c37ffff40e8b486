// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <vector>

#include "remote_call.h"
#include "tracee_state.h"

/** Numbers that a remote call takes in an array: the call's, and six arguments. */
inline constexpr size_t kCallStride = 7;

/** A table of calls from a BigUint64Array. */
std::vector<RemoteCall> CallsOf(const Napi::Value& value);

/** A BigInt64Array. */
Napi::Value ResultsOf(Napi::Env env, const std::vector<int64_t>& results);

/** A Uint8Array with a copy of some bytes. */
Napi::Value BytesOf(Napi::Env env, const void* bytes, size_t length);

/** The bytes of a Uint8Array. */
std::vector<uint8_t> BytesIn(const Napi::Value& value);

/** A thread's state as an object. */
Napi::Object StateOf(Napi::Env env, const TraceeState& state);
