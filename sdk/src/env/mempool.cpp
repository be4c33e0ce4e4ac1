// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "env"
#include <bdevkit/log.h>
#include <bdevkit/memory.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "env/heap.hpp"
#include "env/tsan.hpp"

// A bdk_mempool is an rte_mempool. DPDK's names are short and must be unique in the process, so numbers are
// used here.
namespace {

rte_mempool* inner(bdk_mempool* pool) {
    return reinterpret_cast<rte_mempool*>(pool);
}

std::string next_inner_name() {
    static std::atomic<uint64_t> number{0};
    return "bdk_" + std::to_string(number.fetch_add(1, std::memory_order_relaxed));
}

/// DPDK refuses a cache that could swallow the pool.
uint32_t usable_cache(uint32_t count, uint32_t cache) {
    return std::min<uint32_t>({cache, RTE_MEMPOOL_CACHE_MAX_SIZE, count * 2 / 3});
}

}  // namespace

bdk_mempool* bdk_mempool_create(const char* name, uint32_t count, uint32_t elem_size, uint32_t cache) {
    rte_mempool* pool =
        rte_mempool_create(next_inner_name().c_str(), count, elem_size, usable_cache(count, cache), 0,
                           nullptr, nullptr, nullptr, nullptr, bdk::heap_socket(BDK_NUMA_ANY), 0);
    if (pool == nullptr) {
        BDK_ERRLOG("mempool '%s' of %u times %u bytes: %s; raise `memory` in the stack's `host:` section",
                   name == nullptr ? "" : name, count, elem_size, rte_strerror(rte_errno));
    }
    return reinterpret_cast<bdk_mempool*>(pool);
}

void bdk_mempool_free(bdk_mempool* pool) {
    rte_mempool_free(inner(pool));
}

void* bdk_mempool_get(bdk_mempool* pool) {
    void* elem = nullptr;
    if (rte_mempool_get(inner(pool), &elem) != 0) return nullptr;
    bdk::tsan_take_over(elem);
    return elem;
}

void bdk_mempool_put(bdk_mempool* pool, void* elem) {
    if (elem == nullptr) return;
    bdk::tsan_hand_over(elem);
    rte_mempool_put(inner(pool), elem);
}
