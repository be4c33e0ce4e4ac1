// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/leave.hpp"

#include "bdev/model/core_hooks.hpp"
#include "bdev/path/nomem.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

void channel_io_done(BdevChannel* channel, BdevIo* io) {
    if ((channel->flags & channel_measured) != 0 && !io->is_child_here()) core_hooks.measure(channel, io);
    if ((channel->flags & channel_guarded) != 0) core_hooks.give_blocks_back(channel, io);
    if ((channel->flags & channel_nomem) != 0) retry_nomem(channel->shared);
    channel_look_at_end(channel);
}

void channel_look_at_end(BdevChannel* channel) {
    bool ends = (channel->flags & channel_put) != 0 || channel->close_iter != nullptr;
    if (!ends || channel->io_outstanding != 0) return;
    // In a message, because the callback of the last I/O has not run yet and may put the channel. The
    // reference keeps the channel until the message arrives; dropping the reference checks again whether the
    // channel is to be destroyed.
    bdk_io_channel* held = bdk_io_channel_ref(io_channel_from_ctx(channel));
    send_always(current_thread(), core_hooks.go_on_without_io, held);
}

}  // namespace bdk
