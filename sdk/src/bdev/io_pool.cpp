// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/io_pool.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>

#include "bdev/bdev_layer.hpp"
#include "bdev/io_buf.hpp"
#include "bdev/io_path.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

constexpr uint32_t chunk_ios = 64;

/// bdev_ios that all threads together have taken from the process's pool.
std::atomic<uint64_t> g_ios_taken{0};

}  // namespace

bool IoPool::grow() noexcept {
    uint64_t limit = bdev_options().bdev_io_pool_size;
    uint32_t count = static_cast<uint32_t>(std::min<uint64_t>(chunk_ios, limit));
    uint64_t taken = g_ios_taken.fetch_add(count, std::memory_order_relaxed);
    // A thread's first chunk is always granted: its I/Os wait for one another, never for another thread's.
    if (taken + count > limit && !chunks.empty()) {
        g_ios_taken.fetch_sub(count, std::memory_order_relaxed);
        return false;
    }
    try {
        chunks.push_back({std::make_unique<BdevIo[]>(count), count});
    } catch (const std::bad_alloc&) {
        g_ios_taken.fetch_sub(count, std::memory_order_relaxed);
        return false;
    }
    BdevIo* ios = chunks.back().ios.get();
    for (uint32_t i = count; i-- > 0;) {
        ios[i].pool = this;
        ios[i].deferred.next = free_list;
        free_list = &ios[i].deferred;
    }
    return true;
}

void IoPool::serve_waiting() noexcept {
    while (!waiting.empty() && free_list != nullptr) {
        bdk_bdev_io_wait_entry* entry = waiting.front();
        waiting.pop_front();
        entry->cb(entry->cb_arg);
    }
}

namespace {
char g_io_pool_device;
}

void* io_pool_io_device() {
    return &g_io_pool_device;
}

int io_pool_create(void*, void* ctx) {
    auto* pool = new (ctx) IoPool();
    pool->thread = current_thread();
    return 0;
}

void io_pool_destroy(void*, void* ctx) {
    auto* pool = static_cast<IoPool*>(ctx);
    if (pool->in_use != 0)
        BDK_ERRLOG("thread '%s' goes with %lu bdev_ios that were not freed: call bdk_bdev_free_io() for each",
                   bdk_thread_get_name(pool->thread), static_cast<unsigned long>(pool->in_use));
    bdk_iobuf_channel_close(pool->iobuf);
    for (const IoPool::Chunk& chunk : pool->chunks)
        g_ios_taken.fetch_sub(chunk.count, std::memory_order_relaxed);
    pool->~IoPool();
}

}  // namespace bdk

void bdk_bdev_free_io(bdk_bdev_io* pub) {
    bdk::BdevIo* io = bdk::BdevIo::of(pub);
    if (io->state != bdk::IoState::completed) [[unlikely]] {
        bdk::report_wrong_free(io, __builtin_return_address(0));
        return;
    }
    if (io->own_buf != nullptr) [[unlikely]]
        bdk::release_own_buf(io);
    io->pool->give_back(io);
}

int bdk_bdev_queue_io_wait(bdk_bdev* bdev, bdk_io_channel* ch, bdk_bdev_io_wait_entry* entry) {
    auto* channel = static_cast<bdk::BdevChannel*>(bdk::io_channel_ctx(ch));
    if (entry->bdev != bdev || channel->pool->free_list != nullptr) return -EINVAL;
    channel->pool->waiting.push_back(entry);
    return 0;
}
