// SPDX-License-Identifier: BSD-3-Clause
#include "env/heap.hpp"

#include <rte_malloc.h>
#include <rte_memory.h>

#include <atomic>
#include <vector>

namespace bdk {
namespace {

constexpr const char* name = "hugepages";

Hugepages g_pages;              ///< written once, before g_socket
std::atomic<int> g_socket{-1};  ///< the socket number of the hugepage heap; -1: none

}  // namespace

tl::expected<void, std::string> heap_use(const Hugepages& pages) {
    // A device reaches the memory by its address (--iova-mode=va).
    std::vector<rte_iova_t> addresses(pages.bytes / pages.page);
    for (size_t i = 0; i < addresses.size(); ++i)
        addresses[i] = reinterpret_cast<uintptr_t>(pages.start) + i * pages.page;
    if (rte_malloc_heap_create(name) != 0 ||
        rte_malloc_heap_memory_add(name, pages.start, pages.bytes, addresses.data(),
                                   static_cast<unsigned>(addresses.size()), pages.page) != 0)
        return tl::unexpected(std::string("DPDK cannot make a heap of the hugepages: use hugepages: off"));
    g_pages = pages;
    g_socket.store(rte_malloc_heap_get_socket(name), std::memory_order_release);
    return {};
}

bool heap_in_hugepages() {
    return g_socket.load(std::memory_order_acquire) >= 0;
}

int heap_socket(int32_t numa) {
    if (const int socket = g_socket.load(std::memory_order_acquire); socket >= 0) return socket;
    return numa < 0 ? SOCKET_ID_ANY : numa;
}

void* heap_range(uint64_t* bytes) {
    *bytes = 0;
    if (heap_in_hugepages()) {
        *bytes = g_pages.bytes;
        return g_pages.start;
    }
    const rte_memseg_list* own = nullptr;
    rte_memseg_list_walk(
        [](const rte_memseg_list* list, void* found) {
            if (list->external != 0) return 0;
            *static_cast<const rte_memseg_list**>(found) = list;
            return 1;
        },
        &own);
    if (own == nullptr) return nullptr;
    *bytes = own->len;
    return own->base_va;
}

uint64_t heap_hugepage_bytes_from(const void* buf) {
    if (!heap_in_hugepages()) return 0;
    const auto offset = reinterpret_cast<uintptr_t>(buf) - reinterpret_cast<uintptr_t>(g_pages.start);
    return offset < g_pages.bytes ? g_pages.bytes - offset : 0;
}

}  // namespace bdk
