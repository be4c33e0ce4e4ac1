// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/control/reset.hpp"

#include <utility>

#include "bdev/control/qos.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/channel_walk.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/admit.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/dispatch.hpp"
#include "bdev/path/waiting_io.hpp"
#include "log/no_memory.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

/// Aborts the I/Os that wait for memory on the channel.
void abort_nomem(BdevChannel* ch) {
    IoQueue taken = ch->shared->nomem.take_if([&](BdevIo* io) { return io->ch == ch; });
    while (!taken.empty())
        io_complete_from_core(release_from(taken), BDK_BDEV_IO_STATUS_ABORTED);
}

void freeze(BdevChannel* ch) {
    ch->flags |= channel_frozen;
    if (ch->shared != nullptr) abort_nomem(ch);
    qos_abort_waiting(ch);
}

void thaw(BdevChannel* ch) {
    ch->flags &= ~static_cast<uint32_t>(channel_frozen);
    IoQueue held = std::exchange(ch->held, {});
    while (!held.empty())
        io_admit(release_from(held));
}

void run_reset(BdevIo* io) {
    // The walk ends on this thread. The module sees the reset after every channel has stopped.
    for_each_bdev_channel(io->ch->bdev, freeze, [io] {
        io->ch->core_held--;
        io_dispatch(io);
    });
}

/// Starts the next queued reset, if any, else lets the channels go on.
void reset_ended(Bdev* bdev) {
    BdevIo* next = nullptr;
    {
        std::scoped_lock lock(bdev->mutex);
        if (!bdev->queued_resets.empty()) {
            next = bdev->queued_resets.front();
            bdev->queued_resets.erase(bdev->queued_resets.begin());
        }
        bdev->reset = next;
        bdev->thawing = false;
    }
    if (next == nullptr) return;
    run_on(next->pool->thread, [next] { run_reset(next); });
}

/// Queues a reset behind the one under way. @return a BDK_BDEV_IO_STATUS_*: success, or why it cannot wait
int32_t queue_reset(Bdev* bdev, BdevIo* io) {
    if (submitter_has_closed(io)) return BDK_BDEV_IO_STATUS_ABORTED;
    const int rc = or_enomem([&] {
        bdev->queued_resets.push_back(io);
        return 0;
    });
    return rc == 0 ? BDK_BDEV_IO_STATUS_SUCCESS : BDK_BDEV_IO_STATUS_NOMEM;
}

}  // namespace

void reset_start(BdevIo* io) {
    Bdev* bdev = io->ch->bdev;
    io->ch->core_held++;
    {
        std::scoped_lock lock(bdev->mutex);
        if (bdev->reset != nullptr) {
            const int32_t status = queue_reset(bdev, io);
            if (status == BDK_BDEV_IO_STATUS_SUCCESS) return;
            io->ch->core_held--;
            return io_complete_from_core(io, status);
        }
        bdev->reset = io;
    }
    run_reset(io);
}

bool reset_take_out(BdevIo* io) {
    Bdev* bdev = io->ch->bdev;
    {
        std::scoped_lock lock(bdev->mutex);
        if (std::erase(bdev->queued_resets, io) == 0) return false;
    }
    io->ch->core_held--;
    return true;
}

bool reset_leave(BdevIo* io) {
    Bdev* bdev = io->ch->bdev;
    {
        std::scoped_lock lock(bdev->mutex);
        if (bdev->reset != io) return true;
        bdev->thawing = true;  // a channel made behind the walk that follows would stay frozen
    }
    io->state = IoState::core;
    io->ch->core_held++;
    for_each_bdev_channel(bdev, thaw, [io, bdev] {
        reset_ended(bdev);
        io->ch->core_held--;
        io_complete_from_core(io, io->status);
    });
    return false;
}

}  // namespace bdk
