// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "iobuf"
#include "env/iobuf_pool.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "thread/thread.hpp"

namespace bdk {

static_assert(sizeof(IobufWait) <= sizeof(bdk_iobuf_entry::opaque));

void IobufQueue::push(bdk_iobuf_entry* entry) {
    wait_of(entry).next = nullptr;
    if (tail_ != nullptr) {
        wait_of(tail_).next = entry;
    } else {
        head_ = entry;
    }
    tail_ = entry;
}

bdk_iobuf_entry* IobufQueue::pop() {
    bdk_iobuf_entry* entry = head_;
    if (entry != nullptr) head_ = wait_of(entry).next;
    if (head_ == nullptr) tail_ = nullptr;
    return entry;
}

bool IobufQueue::remove(bdk_iobuf_entry* entry) {
    bdk_iobuf_entry* before = nullptr;
    for (bdk_iobuf_entry* at = head_; at != nullptr; before = at, at = wait_of(at).next) {
        if (at != entry) continue;
        (before == nullptr ? head_ : wait_of(before).next) = wait_of(entry).next;
        if (tail_ == entry) tail_ = before;
        return true;
    }
    return false;
}

IobufCache::IobufCache(IobufPool& pool, bdk_thread* thread) : pool_(pool), thread_(thread) {
    buffers_.reserve(pool.cache_limit() + 1);
}

IobufCache::~IobufCache() {
    flush();
}

void* IobufCache::take_cached() {
    if (buffers_.empty() || pool_.has_waiters()) return nullptr;
    void* buf = buffers_.back();
    buffers_.pop_back();
    return buf;
}

void* IobufCache::get(bdk_iobuf_entry* entry) {
    // Waiting entries come first.
    if (pool_.has_waiters()) flush();
    if (!pool_.has_waiters()) {
        buffers_.resize(std::max(pool_.cache_limit() / 2, 1u));
        buffers_.resize(pool_.take(buffers_.data(), static_cast<uint32_t>(buffers_.size())));
        if (void* buf = take_cached()) return buf;
    }
    return entry == nullptr ? nullptr : pool_.take_or_wait(entry, *this);
}

void IobufCache::put(void* buf) {
    buffers_.push_back(buf);
    if (pool_.has_waiters()) {
        flush();
    } else if (buffers_.size() > pool_.cache_limit()) {
        const size_t kept = buffers_.size() / 2;
        // The buffers used last stay, because they are in the processor's cache.
        pool_.give(buffers_.data(), static_cast<uint32_t>(buffers_.size() - kept));
        buffers_.erase(buffers_.begin(), buffers_.end() - static_cast<ptrdiff_t>(kept));
    }
}

void IobufCache::cancel(bdk_iobuf_entry* entry) {
    pool_.cancel(entry, *this);
}

void IobufCache::flush() {
    if (buffers_.empty()) return;
    pool_.give(buffers_.data(), static_cast<uint32_t>(buffers_.size()));
    buffers_.clear();
}

void IobufCache::deliver() {
    while (bdk_iobuf_entry* entry = pool_.pop_served(*this))
        entry->cb(entry, wait_of(entry).buf);
}

std::unique_ptr<IobufPool> IobufPool::create(uint32_t count, uint32_t size, void (*deliver)(void*)) {
    constexpr uint64_t page = 4096;
    constexpr uint32_t most_cached = 64;
    std::unique_ptr<IobufPool> pool(new IobufPool);
    pool->count_ = std::max(count, 1u);
    pool->size_ = (std::max<uint64_t>(size, 1) + page - 1) / page * page;
    pool->cache_limit_ = std::min(most_cached, pool->count_ / 8);
    pool->deliver_ = deliver;
    pool->free_ = bdk_ring_create("iobuf", std::bit_ceil(pool->count_ + 1));
    pool->memory_ = bdk_dma_malloc(pool->count_ * pool->size_, page, BDK_NUMA_ANY);
    if (pool->free_ == nullptr || pool->memory_ == nullptr) return nullptr;
    for (uint32_t i = 0; i < pool->count_; ++i) {
        void* buf = static_cast<char*>(pool->memory_) + i * pool->size_;
        bdk_ring_enqueue(pool->free_, &buf, 1);
    }
    return pool;
}

IobufPool::~IobufPool() {
    if (free_ != nullptr && memory_ != nullptr && free_count() != count_) {
        BDK_WARNLOG("%u of %u iobuf buffers of %llu bytes were not given back", count_ - free_count(), count_,
                    static_cast<unsigned long long>(size_));
    }
    bdk_ring_free(free_);
    bdk_dma_free(memory_);
}

bool IobufPool::hand_to_waiter(void* buf) {
    bdk_iobuf_entry* entry = waiters_.pop();
    if (entry == nullptr) return false;
    waiting_.fetch_sub(1, std::memory_order_seq_cst);
    IobufCache* cache = wait_of(entry).cache;
    wait_of(entry).buf = buf;
    cache->served_.push(entry);
    // The message looks the cache up, because the cache may be gone by then.
    send_always(cache->thread(), deliver_, nullptr);
    return true;
}

void IobufPool::give(void* const* bufs, uint32_t n) {
    bdk_ring_enqueue(free_, bufs, n);
    // A full barrier: either this thread sees the waiting entries, or the waiting thread sees the buffers
    // (take_or_wait).
    if (waiting_.fetch_add(0, std::memory_order_seq_cst) == 0) return;
    const std::lock_guard lock(mutex_);
    void* buf = nullptr;
    while (!waiters_.empty() && bdk_ring_dequeue(free_, &buf, 1) == 1)
        hand_to_waiter(buf);
}

void* IobufPool::take_or_wait(bdk_iobuf_entry* entry, IobufCache& cache) {
    const std::lock_guard lock(mutex_);
    const bool first = waiters_.empty();
    waiting_.fetch_add(1, std::memory_order_seq_cst);
    void* buf = nullptr;
    if (bdk_ring_dequeue(free_, &buf, 1) == 1) {
        if (first) {
            waiting_.fetch_sub(1, std::memory_order_seq_cst);
            return buf;
        }
        hand_to_waiter(buf);
    }
    new (entry->opaque) IobufWait{nullptr, &cache, nullptr};
    waiters_.push(entry);
    return nullptr;
}

void IobufPool::cancel(bdk_iobuf_entry* entry, IobufCache& cache) {
    const std::lock_guard lock(mutex_);
    if (waiters_.remove(entry)) {
        waiting_.fetch_sub(1, std::memory_order_seq_cst);
        return;
    }
    if (!cache.served_.remove(entry)) return;
    void* buf = wait_of(entry).buf;
    if (!hand_to_waiter(buf)) bdk_ring_enqueue(free_, &buf, 1);
}

bdk_iobuf_entry* IobufPool::pop_served(IobufCache& cache) {
    const std::lock_guard lock(mutex_);
    return cache.served_.pop();
}

bool IobufPool::begin_collect() {
    const std::lock_guard lock(mutex_);
    if (waiters_.empty()) return false;
    collect_again_ = collecting_;
    return !std::exchange(collecting_, true);
}

bool IobufPool::end_collect() {
    const std::lock_guard lock(mutex_);
    collecting_ = collect_again_ && !waiters_.empty();
    collect_again_ = false;
    return collecting_;
}

}  // namespace bdk
