// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/finish.hpp"

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/core_hooks.hpp"
#include "bdev/path/context.hpp"
#include "bdev/path/leave.hpp"
#include "bdev/path/shift.hpp"

namespace bdk {

namespace {

/// A zcopy counts as a read when it borrows data, and as a write when it gives data back.
[[gnu::noinline, gnu::cold]] uint32_t zcopy_counts_as(const BdevIo* io) {
    if ((io->pub.u.bdev.flags & BDK_BDEV_IO_ZCOPY_POPULATE) != 0) return BDK_BDEV_IO_TYPE_READ;
    if ((io->pub.u.bdev.flags & BDK_BDEV_IO_ZCOPY_COMMIT) != 0) return BDK_BDEV_IO_TYPE_WRITE;
    return BDK_BDEV_IO_TYPE_ZCOPY;
}

inline void count(BdevChannel* ch, const BdevIo* io, const bdk_thread* thread) {
    if (io->succeeded()) [[likely]] {
        uint32_t type = io->pub.type;
        if (type == BDK_BDEV_IO_TYPE_ZCOPY) [[unlikely]]
            type = zcopy_counts_as(io);
        ch->stat.by_type[type].count(io->pub.u.bdev.num_blocks, thread->turn_ticks - io->submit_ticks);
    } else {
        ch->stat.count_error(io->status.code);
    }
}

/// Like count(), on a channel with flags: children are not counted. False if the I/O does not leave the layer
/// yet.
[[gnu::noinline, gnu::cold]] bool count_slow(BdevChannel* ch, BdevIo* io, const bdk_thread* thread) {
    if (io->pub.type == BDK_BDEV_IO_TYPE_RESET && !core_hooks.leave(io)) return false;
    if (!io->is_child_here()) count(ch, io, thread);
    return true;
}

void run_callback(BdevIo* io) {
    io->cb(&io->pub, io->succeeded(), io->cb_arg);
}

}  // namespace

void io_finish(BdevIo* io) {
    bdk_thread* thread = current_thread();
    for (;;) {
        BdevChannel* ch = io->ch;
        if (ch->flags == 0) [[likely]]
            count(ch, io, thread);
        else if (!count_slow(ch, io, thread))
            return;
        if (ch->ctx_size != 0) io_give_back_ctx(io, ch);
        ch->io_outstanding--;
        if (ch->flags != 0) [[unlikely]]
            channel_io_done(ch, io);
        if (io->depth == 0) break;

        IoFrame frame = io->frames[--io->depth];
        io->ch = frame.ch();
        if (!frame.has_rest()) {
            io->pub.driver_ctx = nullptr;
            continue;
        }
        const IoFrameRest& rest = io->rests[io->depth];
        io->pub.driver_ctx = rest.driver_ctx;
        io->submit_ticks = rest.submit_ticks;
        if (rest.offset_delta != 0) io_shift_result(io, rest.offset_delta);
        if (rest.done != nullptr) {
            io->pub.bdev = io->ch->bdev->pub;
            io->state = IoState::in_module;
            rest.done(&io->pub, io->succeeded());
            return;
        }
    }
    io->pub.bdev = io->ch->bdev->pub;
    if (thread->complete_depth >= max_complete_depth) [[unlikely]] {
        io->deferred.run = [](Deferred* node) { run_callback(BdevIo::of(node)); };
        thread->deferred.push(&io->deferred);
        return;
    }
    thread->complete_depth++;
    run_callback(io);
    thread->complete_depth--;
}

}  // namespace bdk
