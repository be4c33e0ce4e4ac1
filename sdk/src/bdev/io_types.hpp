// SPDX-License-Identifier: BSD-3-Clause
// Which types of I/O a bdev takes, and in which of them the core has a part.
#pragma once

namespace bdk {

struct Bdev;

/// Sets Bdev::module_types, io_types and core_types from what the module has declared.
void set_io_types(Bdev* bdev);

}  // namespace bdk
