// SPDX-License-Identifier: BSD-3-Clause
// Emulation of types, and of FUA, that a module lacks, with the types that it has.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

// [I/O's thread] Each function takes an I/O that the core holds at its layer, and ends it.

void write_zeroes_emulate(BdevIo* io);
void compare_emulate(BdevIo* io);
void compare_and_write_emulate(BdevIo* io);
void copy_emulate(BdevIo* io);

/// Runs the I/O without FUA, then a flush.
void fua_emulate(BdevIo* io);

}  // namespace bdk
