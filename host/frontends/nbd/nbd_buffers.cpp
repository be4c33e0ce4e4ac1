// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_buffers.hpp"

#include <bdevkit/memory.h>

#include <algorithm>
#include <bit>

namespace bdevkit::host::nbd {

namespace {

constexpr size_t alignment = 4096;

size_t class_of(size_t rounded_size) {
    return static_cast<size_t>(std::countr_zero(rounded_size)) - std::countr_zero(BufferCache::smallest);
}

}  // namespace

size_t BufferCache::rounded(size_t size) noexcept {
    size = std::max(size, smallest);
    if (size <= largest_kept) return std::bit_ceil(size);
    return (size + alignment - 1) / alignment * alignment;
}

void Buffer::reset() noexcept {
    if (data_ != nullptr) cache_->put(std::exchange(data_, nullptr), std::exchange(size_, 0));
}

Buffer BufferCache::get(size_t size) {
    size = rounded(size);
    if (size <= largest_kept) {
        auto& list = free_[class_of(size)];
        if (!list.empty()) {
            std::byte* data = list.back();
            list.pop_back();
            cached_bytes_ -= size;
            used_bytes_ += size;
            return {*this, data, size};
        }
    }
    if (used_bytes_ + cached_bytes_ + size > limit_) trim();
    auto* data = static_cast<std::byte*>(bdk_dma_malloc(size, alignment, BDK_NUMA_ANY));
    if (data == nullptr) return {};
    used_bytes_ += size;
    return {*this, data, size};
}

void BufferCache::put(std::byte* data, size_t size) noexcept {
    used_bytes_ -= size;
    const bool too_much =
        cached_bytes_ + size > max_cached_bytes || used_bytes_ + cached_bytes_ + size > limit_;
    if (size > largest_kept || too_much) return bdk_dma_free(data);
    free_[class_of(size)].push_back(data);
    cached_bytes_ += size;
}

void BufferCache::trim() noexcept {
    for (auto& list : free_) {
        for (std::byte* data : list)
            bdk_dma_free(data);
        list.clear();
    }
    cached_bytes_ = 0;
}

}  // namespace bdevkit::host::nbd
