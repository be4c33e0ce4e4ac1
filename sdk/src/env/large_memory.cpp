// SPDX-License-Identifier: BSD-3-Clause
#include "env/large_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "env/env.hpp"

namespace bdk {
namespace {

struct Region {
    size_t size = 0;
    bool hugepages = false;
};

std::mutex g_mutex;

/// By start address. Never destroyed, because memory may be freed after main().
std::map<uintptr_t, Region>& regions() {
    static auto* map = new std::map<uintptr_t, Region>;
    return *map;
}

void* map_anonymous(size_t size, int flags) {
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return mapped == MAP_FAILED ? nullptr : mapped;
}

/// Maps more than needed and unmaps both ends, so that the rest starts at a multiple of `align`.
void* map_aligned(size_t size, size_t align) {
    if (size + align < size) return nullptr;
    void* mapped = map_anonymous(size + align, MAP_NORESERVE);
    if (mapped == nullptr) return nullptr;
    auto* start = static_cast<char*>(mapped);
    const size_t before = -reinterpret_cast<uintptr_t>(start) & (align - 1);
    if (before != 0) munmap(start, before);
    if (before != align) munmap(start + before + size, align - before);
    madvise(start + before, size, MADV_HUGEPAGE);
    return start + before;
}

}  // namespace

void* large_memory_alloc(size_t size, size_t align) {
    align = std::max(align, large_memory_unit);
    const size_t rounded = (size + large_memory_unit - 1) & ~(large_memory_unit - 1);
    if (rounded < size) return nullptr;
    Region region{rounded, false};
    void* start = nullptr;
    if (env_uses_hugepages() && align == large_memory_unit) {
        start = map_anonymous(rounded, MAP_HUGETLB | (21 << MAP_HUGE_SHIFT));
        region.hugepages = start != nullptr;
    }
    if (start == nullptr) start = map_aligned(rounded, align);
    if (start == nullptr) return nullptr;
    const std::lock_guard lock(g_mutex);
    regions().emplace(reinterpret_cast<uintptr_t>(start), region);
    return start;
}

bool large_memory_free(void* buf) {
    const auto start = reinterpret_cast<uintptr_t>(buf);
    if (start % large_memory_unit != 0) return false;
    Region region;
    {
        const std::lock_guard lock(g_mutex);
        const auto found = regions().find(start);
        if (found == regions().end()) return false;
        region = found->second;
        regions().erase(found);
    }
    munmap(buf, region.size);
    return true;
}

uint64_t large_memory_hugepage_bytes_from(const void* buf) {
    const auto address = reinterpret_cast<uintptr_t>(buf);
    const std::lock_guard lock(g_mutex);
    auto next = regions().upper_bound(address);
    if (next == regions().begin()) return 0;
    const auto& [start, region] = *--next;
    return region.hugepages && address < start + region.size ? start + region.size - address : 0;
}

}  // namespace bdk
