// SPDX-License-Identifier: BSD-3-Clause
// Types, and FUA, that a module lacks: the core makes them from what the module has.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

// [I/O's thread] Each starts with an I/O that is at its layer and that the core has, and ends it.

void write_zeroes_emulate(BdevIo* io);
void compare_emulate(BdevIo* io);
void compare_and_write_emulate(BdevIo* io);
void copy_emulate(BdevIo* io);

/// The I/O without FUA, then a flush.
void fua_emulate(BdevIo* io);

}  // namespace bdk
