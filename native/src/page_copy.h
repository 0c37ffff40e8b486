// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/// Adds copyPages, checkExtents, comparePages and flock to the module's exports.
/// Their types are in src/image/native-page-copy.ts.
void InitPageCopy(Napi::Env env, Napi::Object exports);
