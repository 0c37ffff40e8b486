// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds pagemapRuns: which pages of a process' private memory are its own. */
void InitPagemapRuns(Napi::Env env, Napi::Object exports);
