// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/waiting_io.hpp"

#include <vector>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/core_hooks.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/io_buf.hpp"
#include "bdev/path/parent.hpp"
#include "log/no_memory.hpp"

namespace bdk {

namespace {

/// The user's I/O for which this one does some or all of the work.
const BdevIo* root_of(const BdevIo* io) {
    for (;;) {
        const BdevIo* above = io->part.parent != nullptr ? io->part.parent : io->stands_for;
        if (above == nullptr) return io;
        io = above;
    }
}

/// Takes the I/Os for which pred(io) is true out of the queues of the pool's channels, and aborts them.
template <typename Pred>
void end_queued(IoPool* pool, Pred&& pred) {
    IoQueue taken;
    const auto take = [&taken](IoQueue some) {
        while (!some.empty())
            taken.push(some.pop());
    };
    for (const auto& [module_ch, shared] : pool->shared)
        take(shared->nomem.take_if(pred));
    for (const auto& [bdev, channels] : pool->channels)
        for (BdevChannel* ch : channels) {
            take(ch->held.take_if(pred));
            take(ch->quiesced_io.take_if(pred));
            take(ch->bdev->qos.take_out(ch->qos, pred));
        }
    while (!taken.empty())
        io_complete_from_core(release_from(taken), BDK_BDEV_IO_STATUS_ABORTED);
}

bool remove_from(IoQueue& queue, const BdevIo* io) {
    IoQueue taken = queue.take_if([&](const BdevIo* other) { return other == io; });
    if (taken.empty()) return false;
    release_from(taken);
    return true;
}

bool end_queued_one(BdevIo* io) {
    BdevChannel* ch = io->ch;
    const bool waited = (ch->shared != nullptr && remove_from(ch->shared->nomem, io)) ||
                        remove_from(ch->held, io) || remove_from(ch->quiesced_io, io) ||
                        core_hooks.take_out(io);
    if (waited) io_complete_from_core(io, BDK_BDEV_IO_STATUS_ABORTED);
    return waited;
}

/// Ends the wait of an I/O that is in no queue of a channel.
void end_other_wait(BdevIo* io) {
    // The module waits for a buffer: it gets one and continues.
    if (io->state == IoState::in_module) {
        if (io->buffer_wait.ready != nullptr) end_buffer_wait(io);
    } else if (io->work.step != nullptr) {
        parent_stop_waiting(io);
    } else if (core_hooks.take_out(io)) {
        io_complete_from_core(io, BDK_BDEV_IO_STATUS_ABORTED);
    }
}

/// Ends the waits of those I/Os of the pool for which pred(io) is true and which are in no queue of a
/// channel. All of them are found first, because each end may let others continue, with new bdev_ios.
template <typename Pred>
void end_other_waits(IoPool* pool, Pred&& pred) {
    struct Found {
        BdevIo* io;
        uint32_t generation;
    };
    const std::vector<Found> found = cannot_fail("the end of I/O that waits", [&] {
        std::vector<Found> all;
        pool->for_each_used([&](BdevIo* io) {
            const bool may_wait = io->buffer_wait.ready != nullptr || io->work.step != nullptr ||
                                  io->ranges != nullptr || io->pub.type == BDK_BDEV_IO_TYPE_RESET;
            const bool in_flight = io->state == IoState::core || io->state == IoState::in_module;
            if (may_wait && in_flight && pred(io)) all.push_back({io, io->generation});
        });
        return all;
    });
    for (const auto& [io, generation] : found)
        if (io->generation == generation) end_other_wait(io);
}

}  // namespace

bool submitter_has_closed(const BdevIo* io) {
    return (root_of(io)->origin()->flags & channel_closing) != 0;
}

bool hold_in(IoQueue& queue, BdevIo* io) {
    if (submitter_has_closed(io)) {
        io_complete_from_core(io, BDK_BDEV_IO_STATUS_ABORTED);
        return false;
    }
    io->state = IoState::core;
    io->ch->core_held++;
    queue.push(io);
    return true;
}

bool end_waits(BdevIo* io) {
    while (io->stand_in != nullptr)
        io = io->stand_in;
    if (io->state != IoState::core) return false;
    if (io->work.step == nullptr) return end_queued_one(io);
    if (parent_stop_waiting(io)) return true;
    bool any = false;
    for (BdevIo* child = io->work.oldest; child != nullptr; child = child->part.next)
        any |= end_waits(child);  // the child ends in a later step of this turn
    return any;
}

void end_waiting_io(BdevChannel* channel) {
    if (channel->io_outstanding == 0) return;
    const auto is_its = [=](const BdevIo* io) { return root_of(io)->origin() == channel; };
    end_queued(channel->pool, is_its);
    end_other_waits(channel->pool, is_its);
}

void end_waiting_io_since(IoPool* pool, uint64_t ticks) {
    const auto is_old = [=](const BdevIo* io) { return root_of(io)->first_submit_ticks() < ticks; };
    end_queued(pool, is_old);
    end_other_waits(pool, is_old);
}

}  // namespace bdk
