// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <random>

namespace bdk::test {

/// Choices that depend on a seed alone.
class Random {
public:
    explicit Random(uint64_t seed) : engine_(seed) {}

    uint64_t any() { return engine_(); }
    /// From 0 to `n` - 1.
    uint64_t below(uint64_t n) { return engine_() % n; }
    uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
    bool chance(uint32_t percent) { return below(100) < percent; }
    /// `limit` or less, small ones much more often.
    uint64_t mostly_small(uint64_t limit) { return between(1, std::max<uint64_t>(1, limit >> below(8))); }

private:
    std::mt19937_64 engine_;
};

}  // namespace bdk::test
