// SPDX-License-Identifier: BSD-3-Clause
// What a completed I/O may set off on a channel that has flags.
#pragma once

#include "bdev/model/channel.hpp"

namespace bdk {

/// [channel's thread] Slow part of a completion: a histogram, blocks that the I/O had, retries and a waiting
/// close.
void channel_io_done(BdevChannel* ch, BdevIo* io);

/// [channel's thread] Goes on with a close, or an end, that waits for what is in flight, if that was the
/// last.
void channel_look_at_end(BdevChannel* ch);

}  // namespace bdk
