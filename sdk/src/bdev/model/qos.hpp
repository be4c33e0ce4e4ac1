// SPDX-License-Identifier: BSD-3-Clause
// The rate limits of a bdev (qos.h): token buckets that all its channels share. A bucket is refilled from the
// clock when tokens are taken, so an idle host stays idle. I/O without tokens waits in a queue of its
// channel, whose timed poller tries again when enough tokens have accumulated.
#pragma once

#include <bdevkit/poller.h>
#include <bdevkit/qos.h>

#include <array>
#include <cstdint>
#include <mutex>

#include "bdev/model/bdev_io.hpp"
#include "bdev/model/token_bucket.hpp"

namespace bdk {

/// A channel's I/Os that wait for tokens.
struct ChannelQos {
    IoQueue waiting;
    std::array<uint64_t, 2> count{};  ///< the number of waiting reads and writes
    bdk_poller* retry = nullptr;      ///< exists while an I/O waits
    uint64_t retry_ticks = 0;         ///< when the poller is due
};

/// The limits of one bdev. Call all functions on a channel's thread, with that channel's part.
class Qos {
public:
    void set(const bdk_bdev_qos_limits& limits);
    bdk_bdev_qos_limits limits() const;
    bool is_limited() const;

    /// @return 0: the I/O may pass, and its tokens are taken. Otherwise it has been queued in `channel`, and
    /// should be tried again after this many ticks.
    uint64_t take_or_wait(ChannelQos& channel, BdevIo* io);

    /// Takes tokens for waiting I/Os, as many as there are but no more than the channel's share. Reads may
    /// overtake waiting writes, and writes reads.
    /// @param passed  out: the I/Os that may go on
    /// @return 0: no I/O waits; otherwise like take_or_wait()
    uint64_t take_for_waiting(ChannelQos& channel, IoQueue& passed);

    /// Takes out the I/Os for which pred(io) is true, without taking tokens.
    template <typename Pred>
    IoQueue take_out(ChannelQos& channel, Pred&& pred) {
        std::scoped_lock lock(mutex_);
        IoQueue taken = channel.waiting.take_if([&](BdevIo* io) {
            bool wanted = pred(io);
            if (wanted) no_longer_waits(channel, cost_of(io).direction);
            return wanted;
        });
        return taken;
    }

private:
    enum Direction : uint32_t { read, write };
    /// The tokens that an I/O takes.
    struct Cost {
        Direction direction;
        uint64_t ios;
        uint64_t bytes;
    };
    using Floors = std::array<double, 4>;

    static Cost cost_of(const BdevIo* io);
    void refill();
    bool may_pass(Direction direction, const Floors& floors) const;
    void pay(const Cost& cost);
    bool others_wait(Direction direction) const;
    Floors share_floors() const;
    uint64_t ticks_to_wait(Direction direction) const;
    void no_longer_waits(ChannelQos& channel, Direction direction);

    mutable std::mutex mutex_;
    bdk_bdev_qos_limits limits_{};
    std::array<TokenBucket, 4> buckets_;                 ///< I/Os, bytes, bytes read, bytes written
    std::array<uint64_t, 2> waiting_channels_ = {0, 0};  ///< channels with waiting reads, and writes
};

}  // namespace bdk
