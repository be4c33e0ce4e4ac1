// SPDX-License-Identifier: BSD-3-Clause
// How an I/O completes: exactly once, on the thread that submitted it.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [any thread] A module completes the I/O: on the submitter's thread, exactly once. Anything else is
/// reported; a completion on another thread is taken to the right one. `caller`: a return address in the
/// module.
void io_complete(BdevIo* io, IoStatus status, const void* caller);

/// [I/O's thread] Completes an I/O that the core holds, at the layer where it is. Its callback runs later in
/// the turn.
void io_complete_from_core(BdevIo* io, IoStatus status);

inline void io_complete_from_core(BdevIo* io, int32_t code) {
    IoStatus status;
    status.code = code;
    io_complete_from_core(io, status);
}

}  // namespace bdk
