// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds dataRuns: where a sparse file has data. */
void InitDataRuns(Napi::Env env, Napi::Object exports);
