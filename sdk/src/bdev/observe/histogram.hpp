// SPDX-License-Identifier: BSD-3-Clause
// Latency histograms of a bdev (histogram.h): one per channel while they are on.
#pragma once

#include <cstdint>
#include <memory>

#include "base/latency_histogram.hpp"

namespace bdk {

struct BdevChannel;
struct BdevIo;

/// Of a bdev, for channels that are gone; or of a channel.
struct MeasuredLatencies {
    uint64_t io_types = 0;  ///< bits; 0: off
    std::unique_ptr<LatencyHistogram> histogram;

    void start(uint64_t types) {
        histogram = types == 0 ? nullptr : std::make_unique<LatencyHistogram>();
        io_types = types;
    }
};

/// [channel's thread, bdev's mutex held] Makes the channel measure what its bdev says.
void channel_follow_histogram(BdevChannel* channel);

/// [channel's thread, bdev's mutex held] What the channel has measured becomes the bdev's.
void channel_leave_histogram(BdevChannel* channel);

/// [channel's thread] Counts a completed I/O on a channel that measures.
void channel_measure(BdevChannel* channel, const BdevIo* io);

}  // namespace bdk
