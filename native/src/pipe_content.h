// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds pipeContent: what is in a pipe, which keeps it. */
void InitPipeContent(Napi::Env env, Napi::Object exports);
