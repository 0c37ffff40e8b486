// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace tracker {

/// comparePages(options): pages of a memory file against stored pages.
Napi::Value ComparePages(const Napi::CallbackInfo& info);

}  // namespace tracker
