// SPDX-License-Identifier: BSD-3-Clause
// One of iobuf's two pools, and its per-thread caches.
#pragma once

#include <bdevkit/memory.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

struct bdk_thread;

namespace bdk {

class IobufPool;

/// The content of bdk_iobuf_entry::opaque.
struct IobufWait {
    bdk_iobuf_entry* next;
    class IobufCache* cache;  ///< cache of the waiting thread
    void* buf;                ///< once it is served
};

inline IobufWait& wait_of(bdk_iobuf_entry* entry) {
    return *std::launder(reinterpret_cast<IobufWait*>(entry->opaque));
}

/// First-in-first-out list of entries.
class IobufQueue {
public:
    void push(bdk_iobuf_entry* entry);
    bdk_iobuf_entry* pop();
    /// False when `entry` is not in it.
    bool remove(bdk_iobuf_entry* entry);
    bool empty() const { return head_ == nullptr; }

private:
    bdk_iobuf_entry* head_ = nullptr;
    bdk_iobuf_entry* tail_ = nullptr;
};

/// The buffers that one thread keeps for itself, and the entries of that thread that have been served.
class IobufCache {
public:
    IobufCache(IobufPool& pool, bdk_thread* thread);
    ~IobufCache();
    IobufCache(const IobufCache&) = delete;
    IobufCache& operator=(const IobufCache&) = delete;

    // Call all functions on the cache's thread.
    void* take_cached();
    void* get(bdk_iobuf_entry* entry);
    void put(void* buf);
    void cancel(bdk_iobuf_entry* entry);
    /// Returns all buffers to waiting entries or to the pool.
    void flush();
    /// Calls the callbacks of the entries that have been served.
    void deliver();

    bdk_thread* thread() const { return thread_; }
    IobufPool& pool() const { return pool_; }

private:
    friend class IobufPool;

    IobufPool& pool_;
    bdk_thread* thread_;
    std::vector<void*> buffers_;  ///< last in, first out
    IobufQueue served_;           ///< under the pool's mutex
};

class IobufPool {
public:
    /// @param size     bytes of a buffer, rounded up to 4096
    /// @param deliver  message that makes the calling thread look for served entries
    /// nullptr without memory.
    static std::unique_ptr<IobufPool> create(uint32_t count, uint32_t size, void (*deliver)(void*));
    ~IobufPool();
    IobufPool(const IobufPool&) = delete;
    IobufPool& operator=(const IobufPool&) = delete;

    uint64_t buffer_size() const { return size_; }
    uint32_t count() const { return count_; }
    uint32_t free_count() const { return bdk_ring_count(free_); }

    // [any thread]
    bool has_waiters() const { return waiting_.load(std::memory_order_relaxed) != 0; }
    uint32_t take(void** bufs, uint32_t n) { return bdk_ring_dequeue(free_, bufs, n); }
    /// Gives the buffers to waiting entries, or returns them to the pool.
    void give(void* const* bufs, uint32_t n);
    /// Queues `entry`; or, if a buffer has become free meanwhile and no entry waits, returns that buffer.
    void* take_or_wait(bdk_iobuf_entry* entry, IobufCache& cache);
    void cancel(bdk_iobuf_entry* entry, IobufCache& cache);
    bdk_iobuf_entry* pop_served(IobufCache& cache);

    /// True when the caller must collect the buffers that other threads keep, and then call collect_ended().
    bool begin_collect();
    /// True when the collection must be repeated.
    bool end_collect();

    uint32_t cache_limit() const { return cache_limit_; }

private:
    IobufPool() = default;
    bool hand_to_waiter(void* buf);

    bdk_ring* free_ = nullptr;
    void* memory_ = nullptr;
    uint32_t count_ = 0;
    uint64_t size_ = 0;
    uint32_t cache_limit_ = 0;
    void (*deliver_)(void*) = nullptr;

    std::atomic<uint32_t> waiting_{0};
    std::mutex mutex_;
    IobufQueue waiters_;
    bool collecting_ = false;
    bool collect_again_ = false;
};

}  // namespace bdk
