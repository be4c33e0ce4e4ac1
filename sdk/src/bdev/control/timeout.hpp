// SPDX-License-Identifier: BSD-3-Clause
// I/O timeouts of a desc.
//
// The desc has the setting, and each channel has a copy. The copy is updated as a whole, on the channel's
// thread: when the channel is created, or in a message after the setting has changed. So the poller of a
// channel never sees half of a change; it uses the old setting until the new one has arrived.
#pragma once

namespace bdk {

struct BdevChannel;

/// [channel's thread] Makes the channel follow its desc's timeout. Throws std::bad_alloc.
void channel_follow_timeout(BdevChannel* channel);

}  // namespace bdk
