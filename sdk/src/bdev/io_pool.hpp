// SPDX-License-Identifier: BSD-3-Clause
// The bdev_ios of one thread. Taken and given back last-in-first-out, so that the one used next is in the
// cache. The memory comes in chunks; chunks know every bdev_io, so that an abort finds its target without a
// list of I/Os in flight that each I/O would have to maintain.
#pragma once

#include <bdevkit/desc.h>
#include <bdevkit/memory.h>

#include <deque>
#include <memory>
#include <vector>

#include "bdev/bdev_io.hpp"
#include "bdev/channel.hpp"

namespace bdk {

struct IoPool {
    bdk_thread* thread = nullptr;
    Deferred* free_list = nullptr;
    uint64_t in_use = 0;

    struct Chunk {
        std::unique_ptr<BdevIo[]> ios;
        uint32_t count;
    };
    std::vector<Chunk> chunks;
    std::deque<bdk_bdev_io_wait_entry*> waiting;
    std::vector<BdevChannel*> channels;  ///< all bdev channels of the thread
    std::vector<std::unique_ptr<SharedResource>> shared;
    bdk_iobuf_channel* iobuf = nullptr;  ///< opened at the first use

    /// A bdev_io, or nullptr when the process has used up its bdev_io_pool_size.
    BdevIo* take() noexcept {
        if (free_list == nullptr && !grow()) return nullptr;
        BdevIo* io = BdevIo::of(free_list);
        free_list = free_list->next;
        in_use++;
        io->generation++;
        return io;
    }

    /// Gives it back, and serves those who wait for one.
    void give_back(BdevIo* io) noexcept {
        io->state = IoState::free;
        io->deferred.next = free_list;
        free_list = &io->deferred;
        in_use--;
        if (!waiting.empty()) [[unlikely]]
            serve_waiting();
    }

    /// Calls fn(io) for every bdev_io that is not free.
    template <typename Fn>
    void for_each_used(Fn&& fn) {
        for (Chunk& chunk : chunks)
            for (uint32_t i = 0; i < chunk.count; i++)
                if (chunk.ios[i].state != IoState::free) fn(&chunk.ios[i]);
    }

private:
    bool grow() noexcept;
    void serve_waiting() noexcept;
};

/// The io_device whose channels' contexts are IoPools. Registered by the bdev layer.
void* io_pool_io_device();
int io_pool_create(void* io_device, void* ctx);
void io_pool_destroy(void* io_device, void* ctx);

}  // namespace bdk
