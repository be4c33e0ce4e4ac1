// SPDX-License-Identifier: BSD-3-Clause
// The arrival of an I/O at a layer. On the fast path it goes to the module at once. If the channel has flags,
// or the core has a part in the type, it takes the slow path (admit.hpp).
#pragma once

#include "bdev/model/bdev.hpp"
#include "bdev/path/context.hpp"

namespace bdk {

/// [I/O's thread] Like io_enter(), for a user's I/O at its first layer. @return 0; -EINVAL or -ENOTSUP if it
/// does not fit the bdev: then it has been returned to the pool.
int io_submit(BdevIo* io);

/// [I/O's thread] Brings an I/O to the layer of `io->ch`: counts it there, gives it a context, and sends it
/// to the module or along the slow path. The public part, `cb` and `submit_ticks` must be set.
void io_enter(BdevIo* io);

/// [I/O's thread] Like io_enter(), for an I/O that a module has forwarded. `in_submit`: the forward was
/// called in submit_request, so io_dispatch() continues with the I/O.
void io_enter_forwarded(BdevIo* io, bool in_submit);

/// [I/O's thread] Counts the I/O at the layer of its channel. False without memory for its context.
inline bool io_count_in(BdevIo* io) {
    BdevChannel* ch = io->ch;
    ch->io_outstanding++;
    io->pub.bdev = ch->bdev->pub;
    io->pub.driver_ctx = nullptr;
    return ch->ctx_size == 0 || io_take_ctx(io);
}

/// [I/O's thread] Counts an I/O at `ch` that no module will get, as held by the core
/// (BdevChannel::core_held). Complete it with io_complete_from_core().
void io_hold(BdevIo* io, BdevChannel* ch);

}  // namespace bdk
