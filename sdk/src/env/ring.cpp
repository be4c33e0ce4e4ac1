// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "env"
#include <bdevkit/log.h>
#include <bdevkit/memory.h>
#include <rte_errno.h>
#include <rte_ring.h>

#include <atomic>
#include <bit>
#include <cstdlib>
#include <string>

#include "env/tsan.hpp"

// A bdk_ring is an rte_ring that lives in ordinary memory: rings hold pointers, which no device reads.
namespace {

rte_ring* inner(bdk_ring* ring) {
    return reinterpret_cast<rte_ring*>(ring);
}
const rte_ring* inner(const bdk_ring* ring) {
    return reinterpret_cast<const rte_ring*>(ring);
}

}  // namespace

bdk_ring* bdk_ring_create(const char* name, uint32_t count) {
    if (!std::has_single_bit(count) || count > RTE_RING_SZ_MASK) {
        BDK_ERRLOG("ring '%s': expected a count that is a power of two, got %u", name == nullptr ? "" : name,
                   count);
        return nullptr;
    }
    const ssize_t size = rte_ring_get_memsize(count);
    void* memory = size < 0 ? nullptr : std::aligned_alloc(RTE_CACHE_LINE_SIZE, static_cast<size_t>(size));
    if (memory == nullptr) return nullptr;
    // The inner name is not used; rte_ring_init() only copies it.
    if (rte_ring_init(static_cast<rte_ring*>(memory), "bdk", count, 0) != 0) {
        std::free(memory);
        return nullptr;
    }
    return static_cast<bdk_ring*>(memory);
}

void bdk_ring_free(bdk_ring* ring) {
    std::free(ring);
}

uint32_t bdk_ring_enqueue(bdk_ring* ring, void* const* objs, uint32_t n) {
    for (uint32_t i = 0; i < n; ++i)
        bdk::tsan_hand_over(objs[i]);
    const bdk::TsanBlindSpot blind_spot;
    return rte_ring_mp_enqueue_burst(inner(ring), objs, n, nullptr);
}

uint32_t bdk_ring_dequeue(bdk_ring* ring, void** objs, uint32_t n) {
    const uint32_t taken = [&] {
        const bdk::TsanBlindSpot blind_spot;
        return rte_ring_mc_dequeue_burst(inner(ring), objs, n, nullptr);
    }();
    for (uint32_t i = 0; i < taken; ++i)
        bdk::tsan_take_over(objs[i]);
    return taken;
}

uint32_t bdk_ring_count(const bdk_ring* ring) {
    return rte_ring_count(inner(ring));
}
