// SPDX-License-Identifier: BSD-3-Clause
// I/O timeouts of a desc: a timed poller per channel looks for I/Os whose time has run out since its last
// look.
#include "bdev/control/timeout.hpp"

#include <bdevkit/poller.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/io_pool.hpp"
#include "log/no_memory.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

/// One use of a bdev_io.
struct LateIo {
    BdevIo* io;
    uint32_t generation;
};

/// The user's I/Os on the channel whose time ran out after `last` and up to `now`.
std::vector<LateIo> late_ios(BdevChannel* channel, uint64_t last, uint64_t now) {
    std::vector<LateIo> late;
    channel->pool->for_each_used([&](BdevIo* io) {
        uint64_t deadline = io->first_submit_ticks() + channel->timeout.ticks;
        // The targets of an abort are reported themselves, and most aborts are the core's own.
        const bool is_users = io->part.parent == nullptr && io->pub.type != BDK_BDEV_IO_TYPE_ABORT;
        if (io->is_in_flight() && is_users && io->origin() == channel && deadline > last && deadline <= now)
            late.push_back({io, io->generation});
    });
    return late;
}

int check_timeouts(void* ctx) {
    auto* channel = static_cast<BdevChannel*>(ctx);
    uint64_t now = bdk_get_ticks();
    uint64_t last = std::exchange(channel->timeouts_checked, now);
    std::vector<LateIo> late =
        cannot_fail("a look at timeouts", [=] { return late_ios(channel, last, now); });
    for (auto [io, generation] : late) {
        // The callback for another I/O may have ended this one.
        if (io->generation == generation && io->is_in_flight())
            channel->timeout.cb(&io->pub, channel->timeout.arg);
    }
    return late.empty() ? BDK_POLLER_IDLE : BDK_POLLER_BUSY;
}

}  // namespace

void channel_follow_timeout(BdevChannel* channel) {
    bdk_poller_unregister(&channel->timeouts);
    {
        std::scoped_lock lock(channel->bdev->mutex);
        channel->timeout = channel->desc->timeout;
    }
    uint64_t ticks = channel->timeout.ticks;
    if (ticks == 0) return;
    uint64_t quarter_us = ticks / 4 * 1'000'000 / bdk_get_ticks_hz();
    // The first look also finds I/Os whose time ran out before the timeout was set.
    channel->timeouts_checked = 0;
    bdk_thread* thread = current_thread();
    channel->timeouts =
        thread->pollers.add(thread, check_timeouts, channel,
                            std::clamp<uint64_t>(quarter_us, 1000, 1'000'000), "bdev_io_timeouts");
}

}  // namespace bdk

int bdk_bdev_set_timeout(bdk_bdev_desc* desc, uint64_t timeout_ms, bdk_bdev_io_timeout_cb cb, void* cb_arg) {
    if (!bdk::on_descs_thread(desc, BDK_ABI_CALL) || (timeout_ms != 0 && cb == nullptr)) return -EINVAL;
    if (timeout_ms > UINT64_MAX / bdk_get_ticks_hz()) return -EINVAL;
    {
        std::scoped_lock lock(desc->bdev->mutex);
        desc->timeout = {timeout_ms * bdk_get_ticks_hz() / 1000, cb, cb_arg};
    }
    auto on_channel = [](bdk_io_channel_iter* iter) {
        auto* channel =
            static_cast<bdk::BdevChannel*>(bdk::io_channel_ctx(bdk_io_channel_iter_get_channel(iter)));
        if (channel->bdev != nullptr)
            bdk::cannot_fail("a timeout", [=] { bdk::channel_follow_timeout(channel); });
        bdk_for_each_channel_continue(iter, 0);
    };
    bdk_for_each_channel(desc, on_channel, nullptr, nullptr);
    return 0;
}
