// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/control/qos.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strict.hpp"
#include "base/ticks.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/channel_walk.hpp"
#include "bdev/path/admit.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/waiting_io.hpp"
#include "thread/place.hpp"
#include "thread/poller.hpp"

namespace bdk {

namespace {

// Much less than the burst, so coming late loses nothing.
constexpr uint64_t min_retry_us = 500;
constexpr uint64_t max_retry_us = 100'000;

void retry_at(BdevChannel* channel, uint64_t ticks_to_wait);

void stop_retry(BdevChannel* channel) {
    bdk_poller_unregister(&channel->qos.retry);
}

/// Sends the I/Os that may pass now to the module.
void drain(BdevChannel* channel) {
    stop_retry(channel);
    if (channel->qos.waiting.empty()) return;
    IoQueue passed;
    uint64_t ticks = channel->bdev->qos.take_for_waiting(channel->qos, passed);
    if (ticks != 0) retry_at(channel, ticks);
    while (!passed.empty())
        io_proceed(release_from(passed));
}

void retry_at(BdevChannel* channel, uint64_t ticks_to_wait) {
    uint64_t due = bdk_get_ticks() + ticks_to_wait;
    if (channel->qos.retry != nullptr && channel->qos.retry_ticks <= due) return;
    stop_retry(channel);
    uint64_t us = ns_from_ticks(ticks_to_wait) / 1000 + 1;
    auto run = [](void* ctx) {
        drain(static_cast<BdevChannel*>(ctx));
        return BDK_POLLER_BUSY;
    };
    channel->qos.retry_ticks = due;
    channel->qos.retry =
        register_poller_always(run, channel, std::clamp(us, min_retry_us, max_retry_us), "bdev_qos");
}

}  // namespace

bool qos_admit(BdevIo* io) {
    BdevChannel* channel = io->ch;
    uint64_t ticks = channel->bdev->qos.take_or_wait(channel->qos, io);
    if (ticks == 0) return true;
    channel->core_held++;
    if (submitter_has_closed(io) && qos_take_out(channel, io))
        io_complete_from_core(io, BDK_BDEV_IO_STATUS_ABORTED);
    else
        retry_at(channel, ticks);
    return false;
}

void channel_follow_qos(BdevChannel* channel) {
    channel->flags &= ~static_cast<uint32_t>(channel_limited);
    if (channel->bdev->qos.is_limited()) channel->flags |= channel_limited;
    drain(channel);
}

void channel_leave_qos(BdevChannel* channel) {
    stop_retry(channel);
}

bool qos_take_out(BdevChannel* channel, const BdevIo* io) {
    IoQueue taken =
        channel->bdev->qos.take_out(channel->qos, [io](const BdevIo* other) { return other == io; });
    if (taken.empty()) return false;
    release_from(taken);
    return true;
}

void qos_abort_waiting(BdevChannel* channel) {
    IoQueue waiting = channel->bdev->qos.take_out(channel->qos, [](const BdevIo*) { return true; });
    while (!waiting.empty())
        io_complete_from_core(release_from(waiting), BDK_BDEV_IO_STATUS_ABORTED);
    stop_retry(channel);
}

void qos_end(Bdev* bdev) {
    if (!bdev->qos.is_limited()) return;
    bdev->qos.set({});
    for_each_bdev_channel(bdev, channel_follow_qos, [] {});
}

}  // namespace bdk

using bdk::Bdev;

void bdk_bdev_set_qos_rate_limits(bdk_bdev* pub, const bdk_bdev_qos_limits* limits, bdk_bdev_set_qos_cb cb,
                                  void* ctx) {
    if (!bdk::has_callback(cb, BDK_ABI_CALL)) return;
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return cb(-EINVAL, ctx);
    int rc = bdk::check_size(limits, "bdk_bdev_qos_limits", 40);
    if (rc == 0) rc = bdk::check_bits("bdk_bdev_qos_limits.reserved", limits->reserved, 0);
    if (rc != 0) return cb(rc, ctx);
    bdk_bdev_qos_limits wanted{};
    std::memset(&wanted, 0xff, sizeof(wanted));  // fields that the caller does not know: BDK_BDEV_QOS_KEEP
    std::memcpy(&wanted, limits, std::min<size_t>(limits->size, sizeof(wanted)));
    Bdev* bdev = Bdev::of(pub);
    bdev->qos.set(wanted);
    bdk::for_each_bdev_channel(bdev, bdk::channel_follow_qos, [=] { cb(0, ctx); });
}

int bdk_bdev_get_qos_rate_limits(bdk_bdev* bdev, bdk_bdev_qos_limits* limits) {
    if (limits->size == 0) return -EINVAL;
    bdk_bdev_qos_limits full = Bdev::of(bdev)->qos.limits();
    full.size = limits->size;
    std::memcpy(limits, &full, std::min<size_t>(limits->size, sizeof(full)));
    return 0;
}
