// SPDX-License-Identifier: BSD-3-Clause
// Reset. New I/O on every channel of the bdev waits, the core aborts what it holds, the module resets, and
// then the waiting I/O goes on. There is one reset at a time; further resets queue.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [channel's thread] Starts the reset, or queues it. It is at its layer, and the core has it.
void reset_start(BdevIo* io);

/// [channel's thread] A reset that has ended leaves its layer: the channels go on, and then it completes.
/// @return true if the I/O is not a reset of this layer, so it leaves at once
bool reset_leave(BdevIo* io);

/// [channel's thread] Takes out a reset that waits for another one. False: the I/O is not such a reset.
bool reset_take_out(BdevIo* io);

}  // namespace bdk
