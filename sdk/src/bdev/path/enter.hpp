// SPDX-License-Identifier: BSD-3-Clause
// How an I/O comes to a layer. On the fast path it goes to the module at once. Where the channel has flags,
// or the core has a part in the type, it takes the slow path (admit.hpp).
#pragma once

#include "bdev/model/bdev.hpp"
#include "bdev/path/context.hpp"

namespace bdk {

/// [I/O's thread] A user's I/O comes to its first layer, as by io_enter(). @return 0; -EINVAL or -ENOTSUP
/// when it does not fit the bdev: then it has gone back to the pool.
int io_submit(BdevIo* io);

/// [I/O's thread] Brings an I/O to the layer of `io->ch`: counts it there, gives it a context and hands it to
/// the module, or takes the slow path. Public part, `cb` and `submit_ticks` are set.
void io_enter(BdevIo* io);

/// [I/O's thread] The same for an I/O that a module has forwarded. `in_submit`: it is in submit_request, and
/// io_dispatch() goes on with it.
void io_enter_forwarded(BdevIo* io, bool in_submit);

/// [I/O's thread] Counts the I/O at the layer of its channel. False if it has no context, for lack of memory.
inline bool io_count_in(BdevIo* io) {
    BdevChannel* ch = io->ch;
    ch->io_outstanding++;
    io->pub.bdev = ch->bdev->pub;
    io->pub.driver_ctx = nullptr;
    return ch->ctx_size == 0 || io_take_ctx(io);
}

/// [I/O's thread] Counts an I/O at `ch` that no module will see, as held by the core
/// (BdevChannel::core_held). io_complete_from_core() ends it.
void io_hold(BdevIo* io, BdevChannel* ch);

}  // namespace bdk
