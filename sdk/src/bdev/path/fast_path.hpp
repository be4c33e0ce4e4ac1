// SPDX-License-Identifier: BSD-3-Clause
// The fast path: a read, write, unmap, flush or write of zeroes that needs nothing from the core. To decide
// this, it looks only at one word of the channel and the size of the bdev.
#pragma once

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

/// [channel's thread] Bits of the types that may take the fast path on the channel: its desc may submit them,
/// its module always takes them, and the core has no part in them.
uint64_t fast_types_of(const BdevChannel* ch);

/// The bdev channel if the I/O may take the fast path; else nullptr, and the slow path finds out why.
/// `thread` is the current one.
inline BdevChannel* fast_channel(const bdk_thread* thread, const bdk_bdev_desc* desc, bdk_io_channel* ch,
                                 uint32_t type, uint64_t offset_blocks, uint64_t num_blocks) noexcept {
    if (ch->io_device != desc || ch->thread != thread) [[unlikely]]
        return nullptr;
    auto* channel = static_cast<BdevChannel*>(io_channel_ctx(ch));
    bool fast = channel->flags == 0 && (channel->fast_types >> type & 1) != 0;
    if (!fast) [[unlikely]]
        return nullptr;
    uint64_t blockcnt = channel->bdev->blockcnt.load(std::memory_order_relaxed);
    // A single comparison for "not 0" and "not longer than the bdev".
    bool inside = num_blocks - 1 < blockcnt && offset_blocks <= blockcnt - num_blocks;
    return inside ? channel : nullptr;
}

}  // namespace bdk
