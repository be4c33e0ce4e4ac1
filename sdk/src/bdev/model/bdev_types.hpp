// SPDX-License-Identifier: BSD-3-Clause
// Determines which types of I/O a bdev takes, and which of them the core has a part in.
#pragma once

#include <cstdint>

namespace bdk {

struct Bdev;

/// Sets Bdev::module_types, module_flags, io_types and core_types from the module's declarations.
/// @param abi_minor  that the module was built for: types and flags that came later are not the module's
void set_io_types(Bdev* bdev, uint32_t abi_minor);

/// True if the core flushes after an I/O of the type that asks for FUA. This happens on a bdev with a
/// volatile cache, for all types that change data. The exceptions are writes and zone appends if the module
/// has BDK_BDEV_FUA. `module_types` must be set.
bool is_flushed_for_fua(const Bdev* bdev, uint32_t type);

}  // namespace bdk
