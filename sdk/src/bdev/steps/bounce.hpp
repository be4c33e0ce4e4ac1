// SPDX-License-Identifier: BSD-3-Clause
// Bouncing: an I/O whose data do not lie where the module can reach them goes through a buffer of the core's.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// True if the data start at addresses that are no multiples of 2^required_alignment, or lie in pieces too
/// small for the module's number of segments. The I/O needs no split.
bool needs_bounce(const BdevIo* io);

void bounce_start(BdevIo* io);

}  // namespace bdk
