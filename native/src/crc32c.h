// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace tracker {

/// CRC-32C (Castagnoli, as in iSCSI). Start with crc = 0; feeding the result
/// back in continues over the next bytes.
uint32_t Crc32c(uint32_t crc, const void* data, size_t length);

}  // namespace tracker
