// SPDX-License-Identifier: BSD-3-Clause
// The completion of an I/O: exactly once, on the thread that submitted it.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [any thread] A module completes the I/O. It must do so exactly once, on the submitter's thread; anything
/// else is reported. A completion on another thread is sent to the right one. `caller`: a return address in
/// the module.
void io_complete(BdevIo* io, IoStatus status, const void* caller);

/// [I/O's thread] Completes an I/O that the core holds, at its current layer. Its callback runs later in the
/// turn.
void io_complete_from_core(BdevIo* io, IoStatus status);

inline void io_complete_from_core(BdevIo* io, int32_t code) {
    IoStatus status;
    status.code = code;
    io_complete_from_core(io, status);
}

}  // namespace bdk
