// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/model/io_pool.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <new>
#include <utility>

#include "bdev/model/bdev_options.hpp"
#include "bdev/model/desc.hpp"
#include "log/no_memory.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

constexpr uint32_t chunk_ios = 64;
constexpr uint32_t reserve_ios = 16;

/// The chunks that belong to no thread at the moment, and the total number of bdev_ios.
struct SpareChunks {
    std::mutex mutex;
    std::vector<IoChunk> chunks;
    std::vector<IoChunk> reserve;
    uint64_t ios_made = 0;

    /// A chunk, or an empty one when the limit is reached. A thread's `first` chunk is always granted, so
    /// that its I/Os wait only for one another, never for those of another thread. A chunk that this reactor
    /// made is preferred, even over another reactor's chunk that is ready: the other reactor writes to the
    /// cache lines beside that chunk, and prefetching here would take them away.
    IoChunk take(bool first) {
        std::scoped_lock lock(mutex);
        const auto own = std::ranges::find(chunks, std::this_thread::get_id(), &IoChunk::maker);
        if (own != chunks.end()) return take_spare(own);
        const uint64_t limit = bdev_options().bdev_io_pool_size;
        const auto count = static_cast<uint32_t>(std::min<uint64_t>(chunk_ios, limit));
        const bool is_full = ios_made + count > limit;
        if (is_full && !chunks.empty()) return take_spare(chunks.begin());
        if (is_full && !first) return {};
        IoChunk chunk = make(count);
        ios_made += count;
        return chunk;
    }

    void give_back(IoChunk chunk) {
        std::scoped_lock lock(mutex);
        chunks.push_back(std::move(chunk));
    }

    IoChunk take_reserve() {
        std::scoped_lock lock(mutex);
        if (reserve.empty()) return make(reserve_ios);
        IoChunk chunk = std::move(reserve.back());
        reserve.pop_back();
        return chunk;
    }

    void give_back_reserve(IoChunk chunk) {
        std::scoped_lock lock(mutex);
        reserve.push_back(std::move(chunk));
    }

private:
    static IoChunk make(uint32_t count) {
        return {std::make_unique<BdevIo[]>(count), count, std::this_thread::get_id()};
    }

    IoChunk take_spare(std::vector<IoChunk>::iterator at) {
        std::swap(*at, chunks.back());
        IoChunk chunk = std::move(chunks.back());
        chunks.pop_back();
        return chunk;
    }
};

SpareChunks g_spares;

}  // namespace

void report_wrong_submitter(const BdevIo* io, AbiCall call) {
    report_wrong_place(3, io->pool->thread, call, {bdk_bdev_io_type_name(io->pub.type)});
}

void io_pool_free_spares() {
    std::scoped_lock lock(g_spares.mutex);
    g_spares.chunks.clear();
    g_spares.reserve.clear();
    g_spares.ios_made = 0;
}

void IoPool::link(const IoChunk& chunk) noexcept {
    for (uint32_t i = chunk.count; i-- > 0;) {
        chunk.ios[i].pool = this;
        chunk.ios[i].deferred.next = free_list;
        free_list = &chunk.ios[i].deferred;
    }
}

bool IoPool::grow() noexcept {
    try {
        chunks.reserve(chunks.size() + 1);
        IoChunk chunk = g_spares.take(chunks.empty());
        if (chunk.count == 0) return false;
        chunks.push_back(std::move(chunk));
    } catch (const std::bad_alloc&) {
        return false;
    }
    is_large = chunks.size() > kept_chunks;
    link(chunks.back());
    return true;
}

BdevIo* IoPool::take_beyond_limit(const BdevChannel* ch) noexcept {
    return ch->desc->of_module.load(std::memory_order_relaxed) ? take_from_reserve() : nullptr;
}

BdevIo* IoPool::take_from_reserve() noexcept {
    if (reserve == nullptr) {
        try {
            reserve_chunks.reserve(reserve_chunks.size() + 1);
            reserve_chunks.push_back(g_spares.take_reserve());
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
        is_short = true;
        const IoChunk& chunk = reserve_chunks.back();
        for (uint32_t i = 0; i < chunk.count; i++) {
            chunk.ios[i].pool = this;
            chunk.ios[i].part.from_reserve = true;
            chunk.ios[i].deferred.next = reserve;
            reserve = &chunk.ios[i].deferred;
        }
    }
    BdevIo* io = BdevIo::of(reserve);
    reserve = reserve->next;
    in_use++;
    io->generation++;
    return io;
}

void IoPool::shrink() noexcept {
    while (chunks.size() > kept_chunks) {
        cannot_fail("giving bdev_ios back", [this] { g_spares.give_back(std::move(chunks.back())); });
        chunks.pop_back();
    }
    is_large = false;
    free_list = nullptr;
    for (const IoChunk& chunk : chunks)
        link(chunk);
    reserve = nullptr;
    cannot_fail("giving bdev_ios back", [this] {
        for (IoChunk& chunk : reserve_chunks)
            g_spares.give_back_reserve(std::move(chunk));
    });
    reserve_chunks.clear();
    is_short = !waiting.empty();
}

void IoPool::give_back_short(BdevIo* io) noexcept {
    put(io);
    given_back();
}

void IoPool::serve_waiting() noexcept {
    while (!waiting.empty() && free_list != nullptr) {
        bdk_bdev_io_wait_entry* entry = waiting.front();
        waiting.pop_front();
        entry->cb(entry->cb_arg);
    }
    is_short = !waiting.empty() || !reserve_chunks.empty();
}

namespace {
char g_io_pool_device;
}

void* io_pool_io_device() {
    return &g_io_pool_device;
}

int io_pool_create(void*, void* ctx) {
    return or_enomem([ctx] {
        auto* pool = new (ctx) IoPool();
        pool->thread = current_thread();
        pool->thread->ios_in_use = &pool->in_use;
        pool->kept_chunks = std::max<uint64_t>(1, bdev_options().bdev_io_cache_size / chunk_ios);
        return 0;
    });
}

void io_pool_destroy(void*, void* ctx) {
    auto* pool = static_cast<IoPool*>(ctx);
    if (pool->in_use != 0)
        BDK_ERRLOG(
            "thread '%s' exits with %lu bdev_ios that were not freed: call bdk_bdev_free_io() for each",
            bdk_thread_get_name(pool->thread), static_cast<unsigned long>(pool->in_use));
    pool->thread->ios_in_use = nullptr;
    bdk_iobuf_channel_close(pool->iobuf);
    bdk_poller_unregister(&pool->late_io);
    cannot_fail("the end of a thread's bdev_ios", [=] {
        for (IoChunk& chunk : pool->chunks)
            g_spares.give_back(std::move(chunk));
        for (IoChunk& chunk : pool->reserve_chunks)
            g_spares.give_back_reserve(std::move(chunk));
    });
    pool->~IoPool();
}

}  // namespace bdk

int bdk_bdev_queue_io_wait(bdk_bdev* bdev, bdk_io_channel* ch, bdk_bdev_io_wait_entry* entry) {
    if (!bdk::on_channels_thread(ch, BDK_ABI_CALL)) return -EINVAL;
    auto* channel = static_cast<bdk::BdevChannel*>(bdk::io_channel_ctx(ch));
    if (entry->bdev != bdev || channel->pool->free_list != nullptr) return -EINVAL;
    return bdk::or_enomem([&] {
        channel->pool->wait(entry);
        return 0;
    });
}
