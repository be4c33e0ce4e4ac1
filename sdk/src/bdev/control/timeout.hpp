// SPDX-License-Identifier: BSD-3-Clause
// I/O timeouts of a desc.
//
// The desc has the setting. Each channel has a copy that is taken over, whole, on the channel's thread: in
// its creation, or in a message after the setting has changed. So the poller of a channel never sees half of
// a change, and looks with the old setting until its own has arrived.
#pragma once

namespace bdk {

struct BdevChannel;

/// [channel's thread] Makes the channel follow its desc's timeout. Throws std::bad_alloc.
void channel_follow_timeout(BdevChannel* channel);

}  // namespace bdk
