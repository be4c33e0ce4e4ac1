// SPDX-License-Identifier: BSD-3-Clause
// Bytes that depend on a seed and on their position, so that misplaced data are detected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace bdevkit::host {

inline void fill_pattern(std::span<std::byte> bytes, uint64_t seed) {
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    size_t i = 0;
    for (; i + sizeof(state) <= bytes.size(); i += sizeof(state)) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint64_t mixed = state ^ (state >> 29);
        std::memcpy(bytes.data() + i, &mixed, sizeof(mixed));
    }
    for (; i < bytes.size(); i++)
        bytes[i] = std::byte(seed + i);
}

inline std::vector<std::byte> make_pattern(size_t length, uint64_t seed) {
    std::vector<std::byte> bytes(length);
    fill_pattern(bytes, seed);
    return bytes;
}

}  // namespace bdevkit::host
