// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/qos.hpp"

#include <algorithm>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/io_type.hpp"

namespace bdk {

namespace {

constexpr uint64_t bursts_per_second = 50;  // 20 ms

constexpr uint32_t ios = 0, bytes = 1, first_of_one_direction = 2;

/// The buckets from which an I/O of a direction takes tokens.
std::array<uint32_t, 3> buckets_of(uint32_t direction) {
    return {ios, bytes, first_of_one_direction + direction};
}

}  // namespace

Qos::Cost Qos::cost_of(const BdevIo* io) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    const uint64_t io_bytes = io->ch->bdev->bytes(params.num_blocks);
    switch (io_type(io->pub.type).limited) {
        case Limited::as_read:
            return {read, 1, io_bytes};
        case Limited::as_write:
            return {write, 1, io_bytes};
        case Limited::by_flags:
            if ((params.flags & BDK_BDEV_IO_ZCOPY_POPULATE) != 0) return {read, 1, io_bytes};
            if ((params.flags & BDK_BDEV_IO_ZCOPY_COMMIT) != 0) return {write, 1, io_bytes};
            return {read, 0, 0};
        case Limited::by_command: {
            // The lowest bit of an opcode says that data are sent to the device.
            const bool writes = (io->pub.u.nvme_passthru.cmd[0] & 1u) != 0;
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

/// True if an I/O waits for a bucket that the direction also takes from.
bool Qos::others_wait(Direction direction) const {
    bool shares = buckets_[ios].is_limited() || buckets_[bytes].is_limited();
    return waiting_channels_[direction] != 0 || (shares && waiting_channels_[1 - direction] != 0);
}

/// The level down to which one waiting channel may draw each bucket. The rest is for the other channels;
/// otherwise a channel that is always first would take everything.
Qos::Floors Qos::share_floors() const {
    Floors floors{};
    for (uint32_t i = 0; i < buckets_.size(); i++) {
        uint64_t channels = i >= first_of_one_direction
                                ? waiting_channels_[i - first_of_one_direction]
                                : std::max(waiting_channels_[read], waiting_channels_[write]);
        double level = std::max(buckets_[i].level(), 0.0);
        // A bucket that is half full is enough for every channel, and tokens that do not fit into it are
        // lost.
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
    // A new I/O does not overtake waiting ones, on any thread, unless there are plenty of tokens.
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

}  // namespace bdk
