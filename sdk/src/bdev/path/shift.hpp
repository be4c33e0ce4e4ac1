// SPDX-License-Identifier: BSD-3-Clause
// Layers that begin at another block of their base. The range of an I/O is shifted on its way down, and its
// results on its way up.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [I/O's thread] Shifts the range of the I/O by `delta` blocks.
void io_shift_range(BdevIo* io, int64_t delta);

/// [I/O's thread] Shifts the range of a completed I/O back, and the positions in its results.
void io_shift_result(BdevIo* io, int64_t delta);

}  // namespace bdk
