// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/control/qos.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/ticks.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/path/io_path.hpp"
#include "bdev/path/waiting_io.hpp"
#include "thread/place.hpp"
#include "thread/poller.hpp"

namespace bdk {

namespace {

constexpr uint64_t bursts_per_second = 50;  // 20 ms
constexpr uint64_t min_retry_us = 500;      // less than the burst by far: nothing is lost by coming late
constexpr uint64_t max_retry_us = 100'000;

constexpr uint32_t ios = 0, bytes = 1, first_of_one_direction = 2;

/// The buckets that an I/O of a direction draws from.
std::array<uint32_t, 3> buckets_of(uint32_t direction) {
    return {ios, bytes, first_of_one_direction + direction};
}

}  // namespace

Qos::Cost Qos::cost_of(const BdevIo* io) {
    uint64_t io_bytes = io->ch->bdev->bytes(io->pub.u.bdev.num_blocks);
    switch (io->pub.type) {
        case BDK_BDEV_IO_TYPE_READ:
        case BDK_BDEV_IO_TYPE_COMPARE:
            return {read, 1, io_bytes};
        case BDK_BDEV_IO_TYPE_WRITE:
        case BDK_BDEV_IO_TYPE_ZONE_APPEND:
        case BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
            return {write, 1, io_bytes};
        case BDK_BDEV_IO_TYPE_ZCOPY:
            if ((io->pub.u.bdev.flags & BDK_BDEV_IO_ZCOPY_POPULATE) != 0) return {read, 1, io_bytes};
            if ((io->pub.u.bdev.flags & BDK_BDEV_IO_ZCOPY_COMMIT) != 0) return {write, 1, io_bytes};
            return {read, 0, 0};
        case BDK_BDEV_IO_TYPE_NVME_IO:
        case BDK_BDEV_IO_TYPE_NVME_IO_MD:
        case BDK_BDEV_IO_TYPE_NVME_IOV_MD: {
            // The lowest bit of an opcode says that data go to the device.
            bool writes = (io->pub.u.nvme_passthru.cmd[0] & 1u) != 0;
            return {writes ? write : read, 1, io->pub.u.nvme_passthru.nbytes};
        }
        default:
            return {read, 0, 0};
    }
}

void Qos::set(const bdk_bdev_qos_limits& limits) {
    uint64_t now = bdk_get_ticks();
    uint64_t hz = bdk_get_ticks_hz();
    std::scoped_lock lock(mutex_);
    auto set_one = [&](TokenBucket& bucket, uint64_t wanted, uint64_t& limit) {
        if (wanted == BDK_BDEV_QOS_KEEP || wanted == limit) return;
        limit = wanted;
        bucket.set_rate(static_cast<double>(wanted) / static_cast<double>(hz), hz / bursts_per_second, now);
    };
    set_one(buckets_[ios], limits.rw_iops, limits_.rw_iops);
    set_one(buckets_[bytes], limits.rw_bytes_per_second, limits_.rw_bytes_per_second);
    set_one(buckets_[first_of_one_direction + read], limits.read_bytes_per_second,
            limits_.read_bytes_per_second);
    set_one(buckets_[first_of_one_direction + write], limits.write_bytes_per_second,
            limits_.write_bytes_per_second);
}

bdk_bdev_qos_limits Qos::limits() const {
    std::scoped_lock lock(mutex_);
    return limits_;
}

bool Qos::is_limited() const {
    std::scoped_lock lock(mutex_);
    return std::any_of(buckets_.begin(), buckets_.end(),
                       [](const TokenBucket& bucket) { return bucket.is_limited(); });
}

void Qos::refill() {
    uint64_t now = bdk_get_ticks();
    for (TokenBucket& bucket : buckets_)
        bucket.refill(now);
}

bool Qos::may_pass(Direction direction, const Floors& floors) const {
    auto drawn = buckets_of(direction);
    return std::all_of(drawn.begin(), drawn.end(),
                       [&](uint32_t i) { return buckets_[i].level() >= floors[i]; });
}

void Qos::pay(const Cost& cost) {
    for (uint32_t i : buckets_of(cost.direction))
        buckets_[i].take(i == ios ? cost.ios : cost.bytes);
}

/// True if somebody waits for a bucket that the direction draws from.
bool Qos::others_wait(Direction direction) const {
    bool shares = buckets_[ios].is_limited() || buckets_[bytes].is_limited();
    return waiting_channels_[direction] != 0 || (shares && waiting_channels_[1 - direction] != 0);
}

/// How low one of the channels that wait may draw the buckets, to leave the others theirs: else one that
/// always comes first would take all.
Qos::Floors Qos::share_floors() const {
    Floors floors{};
    for (uint32_t i = 0; i < buckets_.size(); i++) {
        uint64_t channels = i >= first_of_one_direction
                                ? waiting_channels_[i - first_of_one_direction]
                                : std::max(waiting_channels_[read], waiting_channels_[write]);
        double level = std::max(buckets_[i].level(), 0.0);
        // Where plenty has gathered, nobody is short of it, and what is not taken is lost.
        double plenty = buckets_[i].burst() / 2;
        if (channels > 1) floors[i] = std::min(level - level / static_cast<double>(channels), plenty);
    }
    return floors;
}

uint64_t Qos::ticks_to_wait(Direction direction) const {
    uint64_t ticks = 1;
    for (uint32_t i : buckets_of(direction))
        ticks = std::max(ticks, buckets_[i].ticks_to_wait());
    return ticks;
}

void Qos::no_longer_waits(ChannelQos& channel, Direction direction) {
    if (--channel.count[direction] == 0) waiting_channels_[direction]--;
}

uint64_t Qos::take_or_wait(ChannelQos& channel, BdevIo* io) {
    Cost cost = cost_of(io);
    if (cost.ios == 0) return 0;
    std::scoped_lock lock(mutex_);
    refill();
    // Who comes new does not pass those who wait, on whatever thread, unless there is plenty for all.
    Floors floors{};
    if (others_wait(cost.direction))
        for (uint32_t i = 0; i < floors.size(); i++)
            floors[i] = buckets_[i].burst() / 2;
    if (channel.count[cost.direction] == 0 && may_pass(cost.direction, floors)) {
        pay(cost);
        return 0;
    }
    if (channel.count[cost.direction]++ == 0) waiting_channels_[cost.direction]++;
    channel.waiting.push(io);
    return ticks_to_wait(cost.direction);
}

uint64_t Qos::take_for_waiting(ChannelQos& channel, IoQueue& passed) {
    std::scoped_lock lock(mutex_);
    refill();
    Floors floors = share_floors();
    std::array<bool, 2> blocked = {false, false};
    passed = channel.waiting.take_if([&](BdevIo* io) {
        Cost cost = cost_of(io);
        if (blocked[cost.direction] || !may_pass(cost.direction, floors)) {
            blocked[cost.direction] = true;
            return false;
        }
        pay(cost);
        no_longer_waits(channel, cost.direction);
        return true;
    });
    uint64_t ticks = UINT64_MAX;
    for (Direction direction : {read, write})
        if (blocked[direction]) ticks = std::min(ticks, ticks_to_wait(direction));
    return channel.waiting.empty() ? 0 : ticks;
}

namespace {

void retry_at(BdevChannel* channel, uint64_t ticks_to_wait);

void stop_retry(BdevChannel* channel) {
    bdk_poller_unregister(&channel->qos.retry);
}

/// Moves what may pass now on to the module.
void drain(BdevChannel* channel) {
    stop_retry(channel);
    if (channel->qos.waiting.empty()) return;
    IoQueue passed;
    uint64_t ticks = channel->bdev->qos.take_for_waiting(channel->qos, passed);
    if (ticks != 0) retry_at(channel, ticks);
    while (!passed.empty())
        io_core_go_on(release_from(passed));
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
    if (!bdk::on_bdk_thread(BDK_ABI_CALL) || limits->size == 0) return cb(ctx, -EINVAL);
    bdk_bdev_qos_limits wanted{};
    std::memset(&wanted, 0xff, sizeof(wanted));  // BDK_BDEV_QOS_KEEP what the caller does not know
    std::memcpy(&wanted, limits, std::min<size_t>(limits->size, sizeof(wanted)));
    Bdev* bdev = Bdev::of(pub);
    bdev->qos.set(wanted);
    bdk::for_each_bdev_channel(bdev, bdk::channel_follow_qos, [=] { cb(ctx, 0); });
}

int bdk_bdev_get_qos_rate_limits(bdk_bdev* bdev, bdk_bdev_qos_limits* limits) {
    if (limits->size == 0) return -EINVAL;
    bdk_bdev_qos_limits full = Bdev::of(bdev)->qos.limits();
    full.size = limits->size;
    std::memcpy(limits, &full, std::min<size_t>(limits->size, sizeof(full)));
    return 0;
}
