// SPDX-License-Identifier: BSD-3-Clause
#include "model/block_model.hpp"

#include <algorithm>
#include <cstring>

namespace bdk::test {

namespace {

uint64_t word(Stamp stamp, size_t index) {
    if (stamp == zeroes) return 0;
    return (stamp + index * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
}

}  // namespace

void fill(std::span<std::byte> block, Stamp stamp) {
    for (size_t i = 0; i < block.size() / sizeof(uint64_t); i++) {
        const uint64_t value = word(stamp, i);
        std::memcpy(block.data() + i * sizeof(value), &value, sizeof(value));
    }
}

bool matches(std::span<const std::byte> block, Stamp stamp) {
    for (size_t i = 0; i < block.size() / sizeof(uint64_t); i++) {
        const uint64_t value = word(stamp, i);
        if (std::memcmp(block.data() + i * sizeof(value), &value, sizeof(value)) != 0) return false;
    }
    return true;
}

bool BlockModel::claim(BlockRange range, bool to_change) {
    for (uint64_t i = 0; i < range.count; i++) {
        std::atomic<int>& users = users_[range.offset + i];
        int now = users.load(std::memory_order_relaxed);
        bool is_free = to_change ? now == 0 : now != changing;
        while (is_free && !users.compare_exchange_weak(now, to_change ? changing : now + 1,
                                                       std::memory_order_acquire, std::memory_order_relaxed))
            is_free = to_change ? now == 0 : now != changing;
        if (is_free) continue;
        release({range.offset, i}, to_change);
        return false;
    }
    return true;
}

void BlockModel::release(BlockRange range, bool to_change) {
    for (uint64_t i = 0; i < range.count; i++) {
        if (to_change)
            users_[range.offset + i].store(0, std::memory_order_release);
        else
            users_[range.offset + i].fetch_sub(1, std::memory_order_release);
    }
}

bool BlockModel::is_defined(BlockRange range) const {
    const auto first = stamps_.begin() + ptrdiff_t(range.offset);
    return std::find(first, first + ptrdiff_t(range.count), undefined) == first + ptrdiff_t(range.count);
}

}  // namespace bdk::test
