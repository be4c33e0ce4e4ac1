// SPDX-License-Identifier: BSD-3-Clause
// What the rate limits of a bdev (model/qos.hpp) mean for the I/O on its channels.
#pragma once

#include "bdev/model/qos.hpp"

namespace bdk {

struct Bdev;
struct BdevChannel;

/// [channel's thread] Makes the channel follow its bdev's limits; what waits goes on as they allow.
void channel_follow_qos(BdevChannel* channel);

/// [channel's thread] The channel goes: nothing waits on it.
void channel_leave_qos(BdevChannel* channel);

/// [channel's thread] True if the I/O may go on; false: it waits.
bool qos_admit(BdevIo* io);

/// [channel's thread] Takes an I/O that waits out. False: it does not wait here.
bool qos_take_out(BdevChannel* channel, const BdevIo* io);

/// [channel's thread] Aborts what waits.
void qos_abort_waiting(BdevChannel* channel);

/// [bdk thread] Ends the limits of a bdev that goes.
void qos_end(Bdev* bdev);

}  // namespace bdk
