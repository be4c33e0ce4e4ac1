// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/admit.hpp"

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/core_hooks.hpp"
#include "bdev/path/dispatch.hpp"
#include "bdev/path/waiting_io.hpp"

namespace bdk {

namespace {

/// Sends the I/O to the module, behind I/Os that wait for the module's memory.
void dispatch_in_turn(BdevIo* io) {
    if ((io->ch->flags & channel_nomem) == 0) return io_dispatch(io);
    hold_in(io->ch->shared->nomem, io);
}

}  // namespace

void io_admit(BdevIo* io) {
    // Resets and aborts pass the waiting I/Os, because they are there to end them.
    if (io->pub.type == BDK_BDEV_IO_TYPE_RESET) return core_hooks.reset(io);
    if (io->pub.type == BDK_BDEV_IO_TYPE_ABORT) return core_hooks.abort(io);
    if (core_hooks.admit(io)) io_proceed(io);
}

void io_proceed(BdevIo* io) {
    const BdevChannel* ch = io->ch;
    const bool has_steps = (ch->flags & channel_hides_md) != 0 ||
                           (ch->bdev->core_types & BDK_BDEV_IO_TYPE_BIT(io->pub.type)) != 0;
    if (!has_steps || !core_hooks.begin_step(io)) dispatch_in_turn(io);
}

}  // namespace bdk
