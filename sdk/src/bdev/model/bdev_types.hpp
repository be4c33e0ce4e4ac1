// SPDX-License-Identifier: BSD-3-Clause
// Which types of I/O a bdev takes, and in which of them the core has a part.
#pragma once

#include <cstdint>

namespace bdk {

struct Bdev;

/// Sets Bdev::module_types, io_types and core_types from what the module has declared.
void set_io_types(Bdev* bdev);

/// The types, as bits, after which the core flushes when they ask for FUA: where the bdev has a volatile
/// cache, all that change data, but for writes and zone appends of a module that has BDK_BDEV_FUA.
/// `module_types` is set.
uint64_t types_flushed_for_fua(const Bdev* bdev);

}  // namespace bdk
