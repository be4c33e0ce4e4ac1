// SPDX-License-Identifier: BSD-3-Clause
// The way of an I/O: enter a layer -> (core) -> module -> finish -> callback. All of it on one thread.
#pragma once

#include "bdev/bdev_io.hpp"
#include "bdev/channel.hpp"

namespace bdk {

/// Brings an I/O to the layer of `io->ch`: counts it there, gives it a context and hands it to the module, or
/// to the core where the channel's flags or the type ask for that. Public part, `cb` and `submit_ticks` are
/// set.
void io_enter(BdevIo* io);

/// As io_enter(), for an I/O that a module has forwarded, `in_submit` or later.
void io_enter_forwarded(BdevIo* io, bool in_submit);

/// Hands an I/O to the module, and follows it down where the module forwards it.
void io_dispatch(BdevIo* io);

/// Ends a completed I/O at every layer from the current one up to one that wants to see it, or to the
/// submitter.
void io_finish(BdevIo* io);

/// Counts an I/O at `ch` that no module will see; io_complete_from_core() ends it.
void io_hold(BdevIo* io, BdevChannel* ch);

/// Completes an I/O that the core holds, at the layer where it is. Its callback runs later in the turn.
void io_complete_from_core(BdevIo* io, IoStatus status);

inline void io_complete_from_core(BdevIo* io, int32_t code) {
    IoStatus status;
    status.code = code;
    io_complete_from_core(io, status);
}

/// A bdev_io that is not completed was freed, or one was freed twice.
void report_wrong_free(const BdevIo* io, const void* caller);

/// Adds `delta` to the range of the I/O by `delta` blocks.
void io_shift_range(BdevIo* io, int64_t delta);

/// The core's part of an I/O whose channel has flags or whose type is in `Bdev::core_types`.
void io_core_start(BdevIo* io);

/// The rest of it, for an I/O that has waited: what its type asks for, then the module.
void io_core_go_on(BdevIo* io);

/// A new I/O of the core's own, on the channel of `parent` and with its block parameters; `parent` is cb's
/// argument. nullptr when there is no bdev_io.
BdevIo* io_make_child(BdevIo* parent, uint32_t type, bdk_bdev_io_completion_cb cb);

/// Runs retry(io) once the thread has a bdev_io again.
void io_wait_for_bdev_io(BdevIo* io, void (*retry)(BdevIo*));

/// The types that the core has a part in. The I/O has entered its layer.
void reset_start(BdevIo* io);
/// A reset leaves the layer: the channels go on, then it completes. False if the I/O is no reset of this
/// layer.
bool reset_leave(BdevIo* io);
void abort_start(BdevIo* io);
void write_zeroes_emulate(BdevIo* io);
void fua_emulate(BdevIo* io);

}  // namespace bdk
