// SPDX-License-Identifier: BSD-3-Clause
// Layers whose blocks begin elsewhere on their base: the range of an I/O is shifted on its way down, and what
// was found on its way up.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [I/O's thread] Shifts the range of the I/O by `delta` blocks.
void io_shift_range(BdevIo* io, int64_t delta);

/// [I/O's thread] Shifts it back when the I/O has completed, and the offsets that it has found.
void io_shift_result(BdevIo* io, int64_t delta);

}  // namespace bdk
