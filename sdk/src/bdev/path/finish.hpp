// SPDX-License-Identifier: BSD-3-Clause
// The end of an I/O: upwards through its layers, to the callback.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// Nested callbacks; further ones run later in the turn.
constexpr uint32_t max_complete_depth = 8;

/// [I/O's thread] Ends a completed I/O at every layer from the current one up to one that wants to see it, or
/// to the submitter.
void io_finish(BdevIo* io);

}  // namespace bdk
