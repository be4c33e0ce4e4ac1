// SPDX-License-Identifier: BSD-3-Clause
// The I/O of a user that has gone away (range_lock.h). The core drops the I/Os that it holds. An I/O that a
// module has keeps its blocks until it has ended.
#include <bdevkit/range_lock.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "base/strict.hpp"
#include "bdev/control/abort.hpp"
#include "bdev/control/write_guard.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/io_buf.hpp"
#include "bdev/path/parent.hpp"
#include "bdev/path/waiting_io.hpp"
#include "log/no_memory.hpp"
#include "thread/io_channel.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

/// The user's I/Os on the channel, without resets and aborts: those belong to the core's own tasks and go on.
std::vector<BdevIo*> in_flight(BdevChannel* ch, bdk_bdev_abandon_match match, void* ctx) {
    std::vector<BdevIo*> found;
    ch->pool->for_each_used([&](BdevIo* io) {
        const bool users = io->origin() == ch && io->part.parent == nullptr && io->stands_for == nullptr &&
                           io->pub.type != BDK_BDEV_IO_TYPE_RESET && io->pub.type != BDK_BDEV_IO_TYPE_ABORT;
        if (io->is_in_flight() && users && (match == nullptr || match(ctx, io->cb_arg))) found.push_back(io);
    });
    return found;
}

/// Ends the I/O if the core holds it, at whatever layer. No callback runs within this call.
void drop_held(BdevIo* io) {
    if (io->stand_in != nullptr) return drop_held(io->stand_in);
    if (io->work.step == nullptr) {
        end_waits(io);
        return;
    }
    for (BdevIo* child = io->work.oldest; child != nullptr; child = child->part.next)
        drop_held(child);
    parent_abort(io);
}

/// Asks the modules to abort the I/O. Whether they do or not, the I/O's own completion marks its end.
void ask_to_abort(BdevChannel* ch, BdevIo* io) {
    if (!ch->bdev->supports(BDK_BDEV_IO_TYPE_ABORT)) return;
    BdevIo* abort = ch->pool->take_or_reserve();
    if (abort == nullptr) return;
    abort_launch(
        abort, ch, io, [](bdk_bdev_io* ended, bool, void*) { free_core_io(BdevIo::of(ended)); }, nullptr);
}

void abandon(BdevChannel* ch, bool drop, const std::vector<BdevIo*>& ios, std::function<void()> done) {
    if (drop)
        for (BdevIo* io : ios)
            drop_held(io);
    bool keeps = false;
    for (BdevIo* io : ios)
        if (guard_keep(ch, io)) keeps = true;
    if (drop)
        for (BdevIo* io : ios)
            if (io->is_in_flight()) ask_to_abort(ch, io);
    if (keeps)
        guard_of(ch->bdev)->raise(std::move(done));
    else
        post(current_thread(), std::move(done));
}

}  // namespace

}  // namespace bdk

int bdk_bdev_abandon(bdk_bdev_desc* desc, bdk_io_channel* ch, uint32_t flags, bdk_bdev_abandon_match match,
                     bdk_bdev_abandon_cb cb, void* ctx) {
    if (ch->io_device != desc || cb == nullptr) return -EINVAL;
    if (!bdk::on_channels_thread(ch, BDK_ABI_CALL)) return -EINVAL;
    if (int rc = bdk::check_bits("flags of bdk_bdev_abandon()", flags, BDK_BDEV_ABANDON_DROP); rc != 0)
        return rc;
    auto* channel = static_cast<bdk::BdevChannel*>(bdk::io_channel_ctx(ch));
    const bool drop = (flags & BDK_BDEV_ABANDON_DROP) != 0;
    if (channel->bdev == nullptr) {  // closed: nothing is in flight
        bdk::post(ch->thread, [=] { cb(ctx); });
        return 0;
    }
    if (drop) bdk::guard_refuse_waiting(channel, match, ctx);
    bdk::cannot_fail("abandoning I/O", [=] {
        bdk::abandon(channel, drop, bdk::in_flight(channel, match, ctx), [=] { cb(ctx); });
    });
    return 0;
}
