// SPDX-License-Identifier: BSD-3-Clause
// I/Os that wait in the core: for the module's memory, for tokens of a rate limit, for a quiesced range, for
// the end of a reset, for a buffer. No module has them, so the core ends them when their submitter
// has gone: with the close of a desc they end as aborted, and none begins to wait for it
// afterwards.
#pragma once

#include <cstdint>

#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"

namespace bdk {

/// [channel's thread] True if the desc on which the I/O was submitted, by whatever layers it has come, is
/// closed.
bool submitter_has_closed(const BdevIo* io);

/// [channel's thread] Puts an I/O into one of its channel's queues, unless its submitter has closed: then it
/// ends as aborted. False then.
bool hold_in(IoQueue& queue, BdevIo* io);

/// [channel's thread] Takes the first one out.
inline BdevIo* release_from(IoQueue& queue) {
    BdevIo* io = queue.pop();
    io->ch->core_held--;
    return io;
}

/// [I/O's thread] Ends an I/O as aborted if it waits in the core, at whatever layer it is by now, or if
/// pieces of it do. False: no part of it waits.
bool end_waits(BdevIo* io);

/// [channel's thread] Ends what waits in the core, here or at a base, for I/O that was submitted on the
/// channel.
void end_waiting_io(BdevChannel* channel);

/// [pool's thread] Ends what has waited in the core since before `ticks`, whoever has submitted it.
void end_waiting_io_since(IoPool* pool, uint64_t ticks);

}  // namespace bdk
