// SPDX-License-Identifier: BSD-3-Clause
// The effects of a completed I/O on a channel that has flags.
#pragma once

#include "bdev/model/channel.hpp"

namespace bdk {

/// [channel's thread] The slow part of a completion: histogram, blocks that the I/O had, retries after NOMEM,
/// and a waiting close.
void channel_io_done(BdevChannel* ch, BdevIo* io);

/// [channel's thread] Continues a close or a put that waits for I/O in flight, if no I/O is left.
void channel_look_at_end(BdevChannel* ch);

}  // namespace bdk
