// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "env"
#include <bdevkit/log.h>
#include <bdevkit/memory.h>
#include <rte_malloc.h>

#include <algorithm>
#include <bit>

#include "env/heap.hpp"
#include "env/large_memory.hpp"
#include "env/tsan.hpp"

namespace {

constexpr size_t default_align = 64;

bool bad_request(size_t size, size_t align) {
    if (size != 0 && (align == 0 || std::has_single_bit(align))) return false;
    BDK_ERRLOG("dma memory: expected a size above 0 and an alignment that is a power of two, got %zu and %zu",
               size, align);
    return true;
}

using SmallAlloc = void* (*)(const char* type, size_t size, unsigned align, int socket);

/// DPDK's heap uses a lock that ThreadSanitizer does not see; this object represents it.
char heap_order;

void* heap_alloc(SmallAlloc small_alloc, size_t size, size_t align, int32_t numa) {
    const bdk::TsanBlindSpot inside_the_heap;
    void* buf = small_alloc("bdk", size, static_cast<unsigned>(align), bdk::heap_socket(numa));
    bdk::tsan_take_over(&heap_order);
    return buf;
}

void heap_free(void* buf) {
    const bdk::TsanBlindSpot inside_the_heap;
    bdk::tsan_hand_over(&heap_order);
    rte_free(buf);
}

void* dma_alloc(SmallAlloc small_alloc, size_t size, size_t align, int32_t numa) {
    if (bad_request(size, align)) return nullptr;
    align = std::max(align, default_align);
    if (std::max(size, align) >= bdk::large_memory_unit) return bdk::large_memory_alloc(size, align);
    void* buf = heap_alloc(small_alloc, size, align, numa);
    // The heap is full, but the machine may still have memory.
    return buf != nullptr ? buf : bdk::large_memory_alloc(size, align);
}

}  // namespace

void* bdk_dma_malloc(size_t size, size_t align, int32_t numa) {
    return dma_alloc(rte_malloc_socket, size, align, numa);
}

void* bdk_dma_zmalloc(size_t size, size_t align, int32_t numa) {
    return dma_alloc(rte_zmalloc_socket, size, align, numa);
}

void bdk_dma_free(void* buf) {
    if (buf == nullptr || bdk::large_memory_free(buf)) return;
    heap_free(buf);
}

void* bdk_dma_get_heap(uint64_t* bytes) {
    return bdk::heap_range(bytes);
}

uint64_t bdk_vtophys(const void* buf, uint64_t* len) {
    // The kernel may move ordinary pages, so their addresses must not be given to a device.
    uint64_t contiguous = bdk::heap_hugepage_bytes_from(buf);
    if (contiguous == 0) contiguous = bdk::large_memory_hugepage_bytes_from(buf);
    if (contiguous == 0) return UINT64_MAX;
    if (len != nullptr) *len = std::min(*len, contiguous);
    return reinterpret_cast<uintptr_t>(buf);  // --iova-mode=va
}
