// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/**
 * Adds the calls on a session fd. Short ones return at once: sessionStatus, commit, abort,
 * regionOpen. Long ones return a Promise and work on a duplicate of the fd, so that closing the
 * fd meanwhile is safe: layout, swap, revert, harvest, resident.
 */
void InitSession(Napi::Env env, Napi::Object exports);
