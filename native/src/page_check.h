// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace tracker {

/// checkExtents(options): the first extent whose bytes do not match its checksum.
Napi::Value CheckExtents(const Napi::CallbackInfo& info);

}  // namespace tracker
