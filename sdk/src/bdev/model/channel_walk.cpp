// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/channel_walk.hpp"

#include <memory>

#include "bdev/model/io_pool.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

void walk_bdev_channels(Bdev* bdev, std::function<void(BdevChannel*)> fn, std::function<void()> done) {
    struct Walk {
        Bdev* bdev;
        std::function<void(BdevChannel*)> fn;
        std::function<void()> done;
    };
    auto on_pool = [](bdk_io_channel_iter* iter) {
        auto* walk = static_cast<Walk*>(bdk_io_channel_iter_get_ctx(iter));
        auto* pool = static_cast<IoPool*>(io_channel_ctx(bdk_io_channel_iter_get_channel(iter)));
        if (const auto of_bdev = pool->channels.find(walk->bdev); of_bdev != pool->channels.end())
            for (BdevChannel* channel : of_bdev->second)
                walk->fn(channel);
        bdk_for_each_channel_continue(iter, 0);
    };
    auto on_end = [](bdk_io_channel_iter* iter, int) {
        std::unique_ptr<Walk> walk(static_cast<Walk*>(bdk_io_channel_iter_get_ctx(iter)));
        walk->done();
    };
    bdk_for_each_channel(io_pool_io_device(), on_pool, new Walk{bdev, std::move(fn), std::move(done)},
                         on_end);
}

}  // namespace bdk
