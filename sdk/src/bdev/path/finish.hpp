// SPDX-License-Identifier: BSD-3-Clause
// The end of an I/O: up through its layers to the callback.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// The limit of nested callbacks. Further ones run later in the turn.
constexpr uint32_t max_complete_depth = 8;

/// [I/O's thread] Ends a completed I/O at every layer, from the current one up to a layer that asked to see
/// the completion, or to the submitter.
void io_finish(BdevIo* io);

}  // namespace bdk
