// SPDX-License-Identifier: BSD-3-Clause
// Counters as the ABI gives them.
#include <bdevkit/bdev.h>
#include <bdevkit/thread.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "bdev/bdev.hpp"
#include "bdev/channel.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

constexpr bool counts_as_other(uint32_t type) {
    return type != BDK_BDEV_IO_TYPE_READ && type != BDK_BDEV_IO_TYPE_WRITE &&
           type != BDK_BDEV_IO_TYPE_UNMAP && type != BDK_BDEV_IO_TYPE_COPY && type != BDK_BDEV_IO_TYPE_FLUSH;
}

/// Fills what the caller's struct, `size` bytes long, has room for.
void fill(bdk_bdev_io_stat* out, const IoStat& stat, uint32_t blocklen) {
    const TypeStat& read = stat.by_type[BDK_BDEV_IO_TYPE_READ];
    const TypeStat& write = stat.by_type[BDK_BDEV_IO_TYPE_WRITE];
    const TypeStat& unmap = stat.by_type[BDK_BDEV_IO_TYPE_UNMAP];
    const TypeStat& copy = stat.by_type[BDK_BDEV_IO_TYPE_COPY];
    bdk_bdev_io_stat full{};
    full.size = out->size;
    full.bytes_read = read.blocks * blocklen;
    full.num_read_ops = read.ops;
    full.read_latency_ticks = read.ticks;
    full.bytes_written = write.blocks * blocklen;
    full.num_write_ops = write.ops;
    full.write_latency_ticks = write.ticks;
    full.bytes_unmapped = unmap.blocks * blocklen;
    full.num_unmap_ops = unmap.ops;
    full.unmap_latency_ticks = unmap.ticks;
    full.bytes_copied = copy.blocks * blocklen;
    full.num_copy_ops = copy.ops;
    full.copy_latency_ticks = copy.ticks;
    full.num_flush_ops = stat.by_type[BDK_BDEV_IO_TYPE_FLUSH].ops;
    for (uint32_t type = 0; type < BDK_BDEV_IO_NUM_TYPES; type++)
        if (counts_as_other(type)) full.num_other_ops += stat.by_type[type].ops;
    full.num_errors = stat.errors;
    full.ticks_rate = bdk_get_ticks_hz();
    std::memcpy(out, &full, std::min<size_t>(out->size, sizeof(full)));
}

}  // namespace

}  // namespace bdk

int bdk_bdev_get_io_stat(bdk_io_channel* ch, bdk_bdev_io_stat* stat) {
    const auto* channel = static_cast<const bdk::BdevChannel*>(bdk::io_channel_ctx(ch));
    if (stat->size == 0 || channel->bdev == nullptr) return -EINVAL;
    bdk::fill(stat, channel->stat, channel->bdev->blocklen);
    return 0;
}

void bdk_bdev_get_device_stat(bdk_bdev* pub, bdk_bdev_io_stat* stat, bdk_bdev_get_device_stat_cb cb,
                              void* ctx) {
    if (stat->size == 0) return cb(pub, stat, ctx, -EINVAL);
    bdk::Bdev* bdev = bdk::Bdev::of(pub);
    auto sum = std::make_shared<bdk::IoStat>();
    {
        std::scoped_lock lock(bdev->mutex);
        sum->add(bdev->gone_stat);
    }
    bdk::for_each_bdev_channel(
        bdev, [sum](bdk::BdevChannel* channel) { sum->add(channel->stat); },
        [=] {
            bdk::fill(stat, *sum, bdev->blocklen);
            cb(pub, stat, ctx, 0);
        });
}
