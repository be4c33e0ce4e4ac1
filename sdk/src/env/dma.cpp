// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "env"
#include <bdevkit/log.h>
#include <bdevkit/memory.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include <algorithm>
#include <bit>

#include "env/env.hpp"
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

/// DPDK's heap orders its callers with a lock that ThreadSanitizer does not see; this stands for it.
char heap_order;

void* heap_alloc(SmallAlloc small_alloc, size_t size, size_t align, int32_t numa) {
    const bdk::TsanBlindSpot inside_the_heap;
    void* buf = small_alloc("bdk", size, static_cast<unsigned>(align), numa < 0 ? SOCKET_ID_ANY : numa);
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
    // The heap is bounded; the machine's memory is not used up yet.
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
    *bytes = 0;
    if (bdk::env_uses_hugepages()) return nullptr;
    const rte_memseg_list* heap = nullptr;
    rte_memseg_list_walk(
        [](const rte_memseg_list* list, void* found) {
            if (list->external != 0) return 0;
            *static_cast<const rte_memseg_list**>(found) = list;
            return 1;
        },
        &heap);
    if (heap == nullptr) return nullptr;
    *bytes = heap->len;
    return heap->base_va;
}

uint64_t bdk_vtophys(const void* buf, uint64_t* len) {
    // Without hugepages the kernel may move the pages: no device may be told of them.
    if (!bdk::env_uses_hugepages()) return UINT64_MAX;
    uint64_t contiguous = bdk::large_memory_bytes_from(buf);
    if (contiguous == 0) {
        const rte_memseg_list* segments = rte_mem_virt2memseg_list(buf);
        if (segments == nullptr) return UINT64_MAX;
        const auto end = reinterpret_cast<uintptr_t>(segments->base_va) + segments->len;
        contiguous = end - reinterpret_cast<uintptr_t>(buf);
    }
    const rte_iova_t address = rte_mem_virt2iova(buf);
    if (address == RTE_BAD_IOVA) return UINT64_MAX;
    if (len != nullptr) *len = std::min(*len, contiguous);
    return address;
}
