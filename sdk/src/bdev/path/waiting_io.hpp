// SPDX-License-Identifier: BSD-3-Clause
// I/Os that wait in the core: for the module's memory, for tokens of a rate limit, for a quiesced range, for
// the end of a reset, for a buffer. No module has them, so the core can end them when their submitter has
// gone. The close of a desc ends its waiting I/Os as aborted, and afterwards none of its I/Os begins to wait.
#pragma once

#include <cstdint>

#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"

namespace bdk {

/// [channel's thread] True if the I/O's desc is closed: the desc on which it was first submitted, through
/// however many layers it has come.
bool submitter_has_closed(const BdevIo* io);

/// [channel's thread] Queues an I/O in one of its channel's queues. If its submitter has closed, aborts it
/// instead and returns false.
bool hold_in(IoQueue& queue, BdevIo* io);

/// [channel's thread] Takes the first I/O out of the queue.
inline BdevIo* release_from(IoQueue& queue) {
    BdevIo* io = queue.pop();
    io->ch->core_held--;
    return io;
}

/// [I/O's thread] Aborts an I/O that waits in the core, at whatever layer, or whose pieces do. False: no part
/// of it waits.
bool end_waits(BdevIo* io);

/// [channel's thread] Aborts the I/Os submitted on the channel that wait in the core, here or at a base.
void end_waiting_io(BdevChannel* channel);

/// [pool's thread] Aborts all I/Os that have waited in the core since before `ticks`.
void end_waiting_io_since(IoPool* pool, uint64_t ticks);

}  // namespace bdk
