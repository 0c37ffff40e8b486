// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds terminalState, setTerminal and foregroundGroup: terminals, others and our own. */
void InitTerminalState(Napi::Env env, Napi::Object exports);
