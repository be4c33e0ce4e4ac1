// SPDX-License-Identifier: BSD-3-Clause
// Reset: new I/O on every channel of the bdev waits, what the core holds is aborted, the module resets, and
// what came meanwhile goes on. There is one reset at a time; others queue.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [channel's thread] Starts the reset, or lets it queue. It is at its layer, and the core has it.
void reset_start(BdevIo* io);

/// [channel's thread] A reset that has ended leaves its layer: the channels go on, and then it completes.
/// @return true if the I/O is no reset of this layer, and leaves at once
bool reset_leave(BdevIo* io);

/// [channel's thread] Takes out a reset that waits for another one. False: it does not wait.
bool reset_take_out(BdevIo* io);

}  // namespace bdk
