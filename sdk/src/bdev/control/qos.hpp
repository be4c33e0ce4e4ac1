// SPDX-License-Identifier: BSD-3-Clause
// The effect of a bdev's rate limits (model/qos.hpp) on the I/O on its channels.
#pragma once

#include "bdev/model/qos.hpp"

namespace bdk {

struct Bdev;
struct BdevChannel;

/// [channel's thread] Applies the bdev's limits to the channel. Waiting I/Os go on as the limits allow.
void channel_follow_qos(BdevChannel* channel);

/// [channel's thread] The channel is about to go; no I/O waits on it.
void channel_leave_qos(BdevChannel* channel);

/// [channel's thread] True if the I/O may go on; false: it has been queued.
bool qos_admit(BdevIo* io);

/// [channel's thread] Takes a waiting I/O out of the queue. False: it does not wait here.
bool qos_take_out(BdevChannel* channel, const BdevIo* io);

/// [channel's thread] Aborts the I/Os that wait.
void qos_abort_waiting(BdevChannel* channel);

/// [bdk thread] Ends the limits of a bdev that is being removed.
void qos_end(Bdev* bdev);

}  // namespace bdk
