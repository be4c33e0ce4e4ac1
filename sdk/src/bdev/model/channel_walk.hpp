// SPDX-License-Identifier: BSD-3-Clause
// Walks over the channels of a bdev.
#pragma once

#include <functional>
#include <utility>

#include "bdev/model/channel.hpp"
#include "log/no_memory.hpp"

namespace bdk {

void walk_bdev_channels(Bdev* bdev, std::function<void(BdevChannel*)> fn, std::function<void()> done);

/// [bdk thread] Runs fn for each channel of the bdev, of all descs, on the channel's thread. Then calls
/// done() on the calling thread.
template <typename Fn, typename Ended>
void for_each_bdev_channel(Bdev* bdev, Fn&& fn, Ended&& done) {
    cannot_fail("a walk over the channels of a bdev",
                [&] { walk_bdev_channels(bdev, std::forward<Fn>(fn), std::forward<Ended>(done)); });
}

}  // namespace bdk
