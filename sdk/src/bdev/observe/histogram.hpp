// SPDX-License-Identifier: BSD-3-Clause
// Latency histograms of a bdev (histogram.h): one per channel while they are on.
#pragma once

namespace bdk {

struct BdevChannel;
struct BdevIo;

/// [channel's thread, bdev's mutex held] Makes the channel measure what its bdev says.
void channel_follow_histogram(BdevChannel* channel);

/// [channel's thread, bdev's mutex held] What the channel has measured becomes the bdev's.
void channel_leave_histogram(BdevChannel* channel);

/// [channel's thread] Counts a completed I/O on a channel that measures.
void channel_measure(BdevChannel* channel, const BdevIo* io);

}  // namespace bdk
