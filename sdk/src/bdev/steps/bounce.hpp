// SPDX-License-Identifier: BSD-3-Clause
// Bouncing: an I/O whose data are not where the module can reach them goes through a buffer of the core.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// True if the data start at addresses that are not multiples of 2^required_alignment, or are in pieces too
/// small for the module's number of segments. The I/O must not need a split.
bool needs_bounce(const BdevIo* io);

void bounce_start(BdevIo* io);

}  // namespace bdk
