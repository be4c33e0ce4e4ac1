// SPDX-License-Identifier: BSD-3-Clause
// Sampling of a bdev's queue depth (queue_depth.h).
#pragma once

#include <bdevkit/poller.h>
#include <bdevkit/queue_depth.h>

#include <cstdint>
#include <memory>
#include <mutex>

namespace bdk {

struct Bdev;

/// A poller of the app thread asks every channel, on the channel's thread, for its number of I/Os in flight.
/// Walks under way share ownership, because they may end after the bdev.
class QueueDepthSampler : public std::enable_shared_from_this<QueueDepthSampler> {
public:
    explicit QueueDepthSampler(Bdev* bdev) : bdev_(bdev) {}

    /// [app thread] Sets the period. 0: no sampling.
    void set_period(uint64_t period_us);

    /// [app thread] The bdev is being removed.
    void end();

    /// [any thread] Fills everything but `size`.
    bdk_bdev_qd_stat stat() const;

private:
    static int sample(void* self);
    void add(uint64_t queue_depth);

    Bdev* bdev_;
    bdk_poller* poller_ = nullptr;
    bool walking_ = false;
    uint64_t last_ns_ = 0;

    mutable std::mutex mutex_;
    bdk_bdev_qd_stat stat_{};
};

/// [app thread] Ends the sampling of a bdev that is being removed.
void end_observation(Bdev* bdev);

}  // namespace bdk
