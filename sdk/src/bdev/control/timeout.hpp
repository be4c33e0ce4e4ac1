// SPDX-License-Identifier: BSD-3-Clause
// I/O timeouts of a desc.
//
// The desc has the setting. Each channel has a copy that is taken over, whole, on the channel's thread: in
// its creation, or in a message after the setting has changed. So the poller of a channel never sees half of
// a change, and looks with the old setting until its own has arrived.
#pragma once

#include <bdevkit/desc.h>

#include <cstdint>

namespace bdk {

struct BdevChannel;

struct IoTimeout {
    uint64_t ticks = 0;  ///< how long an I/O may take; 0: as long as it likes
    bdk_bdev_io_timeout_cb cb = nullptr;
    void* arg = nullptr;
};

/// [channel's thread] Makes the channel follow its desc's timeout. Throws std::bad_alloc.
void channel_follow_timeout(BdevChannel* channel);

}  // namespace bdk
