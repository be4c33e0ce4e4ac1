// SPDX-License-Identifier: BSD-3-Clause
// iobuf's channels: an io_device whose io_channels hold each thread's caches of the two pools.
#define BDK_LOG_COMPONENT "iobuf"
#include "env/iobuf.hpp"
#include "log/no_memory.hpp"

#include <bdevkit/io_channel.h>
#include <bdevkit/log.h>
#include <bdevkit/memory.h>
#include <errno.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "env/iobuf_pool.hpp"
#include "thread/io_channel.hpp"
#include "thread/place.hpp"

namespace bdk {
namespace {

struct IobufPools {
    std::unique_ptr<IobufPool> small;
    std::unique_ptr<IobufPool> large;
    std::function<void()> stopped;
};

IobufPools g_pools;

/// The context of the io_channel.
struct ThreadIobuf {
    IobufCache small;
    IobufCache large;
    std::vector<bdk_iobuf_channel*> channels;
};

}  // namespace
}  // namespace bdk

struct bdk_iobuf_channel {
    bdk_io_channel* parent = nullptr;
    bdk::ThreadIobuf* thread_iobuf = nullptr;
    bdk::IobufStats stats;
};

namespace bdk {
namespace {

int create_thread_iobuf(void*, void* ctx) {
    bdk_thread* thread = current_thread();
    return or_enomem([&] {
        new (ctx) ThreadIobuf{{*g_pools.small, thread}, {*g_pools.large, thread}, {}};
        return 0;
    });
}

void destroy_thread_iobuf(void*, void* ctx) {
    static_cast<ThreadIobuf*>(ctx)->~ThreadIobuf();
}

void deliver_msg(void*) {
    bdk_io_channel* ch = current_thread()->channels.find(&g_pools);
    if (ch == nullptr) return;
    // A callback may close the last channel: the reference keeps the caches until the end.
    bdk_io_channel_ref(ch);
    auto* mine = static_cast<ThreadIobuf*>(io_channel_ctx(ch));
    mine->small.deliver();
    mine->large.deliver();
    bdk_put_io_channel(ch);
}

IobufCache& cache_of(bdk_iobuf_channel* ch, const IobufPool* pool) {
    return pool == g_pools.small.get() ? ch->thread_iobuf->small : ch->thread_iobuf->large;
}

IobufPoolStats& stats_of(bdk_iobuf_channel* ch, const IobufPool* pool) {
    return pool == g_pools.small.get() ? ch->stats.small : ch->stats.large;
}

/// The pool for buffers of `len` bytes; nullptr when none is that large.
IobufPool* pool_for(uint64_t len) {
    if (len <= g_pools.small->buffer_size()) return g_pools.small.get();
    return len <= g_pools.large->buffer_size() ? g_pools.large.get() : nullptr;
}

void collect(IobufPool* pool);

void collect_visit(bdk_io_channel_iter* iter) {
    auto* visited = static_cast<ThreadIobuf*>(io_channel_ctx(bdk_io_channel_iter_get_channel(iter)));
    const bool small = bdk_io_channel_iter_get_ctx(iter) == g_pools.small.get();
    (small ? visited->small : visited->large).flush();
    bdk_for_each_channel_continue(iter, 0);
}

void collect_done(bdk_io_channel_iter* iter, int) {
    auto* pool = static_cast<IobufPool*>(bdk_io_channel_iter_get_ctx(iter));
    if (pool->end_collect()) collect(pool);
}

/// Asks every thread for the buffers that it keeps, because a thread waits.
void collect(IobufPool* pool) {
    bdk_for_each_channel(&g_pools, collect_visit, pool, collect_done);
}

bool on_own_thread(const bdk_iobuf_channel* ch, AbiCall call) {
    return on_thread_of(ch->parent->thread, call, {"iobuf channel", ch->stats.name});
}

void pools_unregistered(void*) {
    g_pools.small.reset();
    g_pools.large.reset();
    std::exchange(g_pools.stopped, nullptr)();
}

struct StatsWalk {
    std::vector<IobufStats> all;
    std::function<void(std::vector<IobufStats>)> done;
};

void stats_visit(bdk_io_channel_iter* iter) {
    auto* visited = static_cast<ThreadIobuf*>(io_channel_ctx(bdk_io_channel_iter_get_channel(iter)));
    auto* walk = static_cast<StatsWalk*>(bdk_io_channel_iter_get_ctx(iter));
    for (const bdk_iobuf_channel* ch : visited->channels)
        walk->all.push_back(ch->stats);
    bdk_for_each_channel_continue(iter, 0);
}

void stats_done(bdk_io_channel_iter* iter, int) {
    const std::unique_ptr<StatsWalk> walk(static_cast<StatsWalk*>(bdk_io_channel_iter_get_ctx(iter)));
    walk->done(std::move(walk->all));
}

}  // namespace

int iobuf_start(const EnvOptions& options) {
    g_pools.small = IobufPool::create(options.iobuf_small_count, options.iobuf_small_size, deliver_msg);
    g_pools.large = IobufPool::create(options.iobuf_large_count, options.iobuf_large_size, deliver_msg);
    if (!g_pools.small || !g_pools.large) return -ENOMEM;
    return bdk_io_device_register(&g_pools, create_thread_iobuf, destroy_thread_iobuf, sizeof(ThreadIobuf),
                                  "iobuf");
}

void iobuf_stop(std::function<void()> done) {
    g_pools.stopped = std::move(done);
    bdk_io_device_unregister(&g_pools, pools_unregistered);
}

void iobuf_get_stats(std::function<void(std::vector<IobufStats>)> done) {
    auto walk = std::make_unique<StatsWalk>();
    walk->done = std::move(done);
    bdk_for_each_channel(&g_pools, stats_visit, walk.release(), stats_done);
}

}  // namespace bdk

bdk_iobuf_channel* bdk_iobuf_channel_open(const char* name) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL, {"iobuf channel", name != nullptr ? name : "unnamed"}))
        return nullptr;
    bdk_io_channel* parent = bdk_get_io_channel(&bdk::g_pools);
    if (parent == nullptr) return nullptr;
    bdk_iobuf_channel* opened = bdk::or_null([&] {
        auto ch = std::make_unique<bdk_iobuf_channel>();
        ch->parent = parent;
        ch->thread_iobuf = static_cast<bdk::ThreadIobuf*>(bdk::io_channel_ctx(parent));
        ch->stats.name = name != nullptr ? name : "unnamed";
        ch->thread_iobuf->channels.push_back(ch.get());
        return ch.release();
    });
    if (opened == nullptr) bdk_put_io_channel(parent);
    return opened;
}

void bdk_iobuf_channel_close(bdk_iobuf_channel* ch) {
    if (ch == nullptr) return;
    if (!bdk::on_own_thread(ch, BDK_ABI_CALL)) return;
    const std::unique_ptr<bdk_iobuf_channel> closed(ch);
    std::erase(ch->thread_iobuf->channels, ch);
    bdk_put_io_channel(ch->parent);
}

void* bdk_iobuf_get(bdk_iobuf_channel* ch, uint64_t len, bdk_iobuf_entry* entry) {
    if (!bdk::on_own_thread(ch, BDK_ABI_CALL)) return nullptr;
    bdk::IobufPool* pool = bdk::pool_for(len);
    if (pool == nullptr) return nullptr;
    bdk::IobufCache& cache = bdk::cache_of(ch, pool);
    bdk::IobufPoolStats& stats = bdk::stats_of(ch, pool);
    void* buf = cache.take_cached();
    if (buf != nullptr) {
        ++stats.from_cache;
        return buf;
    }
    buf = cache.get(entry);
    if (buf != nullptr) {
        ++stats.from_pool;
    } else if (entry != nullptr) {
        ++stats.waited;
        if (pool->begin_collect()) bdk::collect(pool);
    }
    return buf;
}

void bdk_iobuf_put(bdk_iobuf_channel* ch, void* buf, uint64_t len) {
    if (!bdk::on_own_thread(ch, BDK_ABI_CALL)) return;
    bdk::IobufPool* pool = bdk::pool_for(len);
    if (buf != nullptr && pool != nullptr) bdk::cache_of(ch, pool).put(buf);
}

void bdk_iobuf_cancel(bdk_iobuf_channel* ch, bdk_iobuf_entry* entry, uint64_t len) {
    if (!bdk::on_own_thread(ch, BDK_ABI_CALL)) return;
    bdk::IobufPool* pool = bdk::pool_for(len);
    if (pool != nullptr) bdk::cache_of(ch, pool).cancel(entry);
}

uint64_t bdk_iobuf_max_len(void) {
    return bdk::g_pools.large ? bdk::g_pools.large->buffer_size() : 0;
}
