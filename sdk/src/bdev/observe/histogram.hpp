// SPDX-License-Identifier: BSD-3-Clause
// Latency histograms of a bdev (histogram.h). Each channel has one while they are on.
#pragma once

namespace bdk {

struct BdevChannel;
struct BdevIo;

/// [channel's thread, bdev's mutex held] Makes the channel measure the types that its bdev measures.
void channel_follow_histogram(BdevChannel* channel);

/// [channel's thread, bdev's mutex held] Adds the channel's measurements to the bdev's.
void channel_leave_histogram(BdevChannel* channel);

/// [channel's thread] Records a completed I/O on a channel that measures.
void channel_measure(BdevChannel* channel, const BdevIo* io);

}  // namespace bdk
