// SPDX-License-Identifier: BSD-3-Clause
// Which types of I/O a bdev takes, and in which of them the core has a part.
#pragma once

#include <cstdint>

namespace bdk {

struct Bdev;

/// Sets Bdev::module_types, io_types and core_types from what the module has declared.
void set_io_types(Bdev* bdev);

/// True if the core flushes after an I/O of the type that asks for FUA: on a bdev with a volatile cache, for
/// all types that change data but the writes and zone appends of a module that has BDK_BDEV_FUA.
/// `module_types` is set.
bool is_flushed_for_fua(const Bdev* bdev, uint32_t type);

}  // namespace bdk
