// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/bdev_io.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "bdev/model/io_type.hpp"

namespace bdk {

/// Counters of successful I/Os of one type. They share one cache line, so that an I/O touches only one.
struct alignas(64) TypeStat {
    uint64_t ops = 0;
    uint64_t blocks = 0;  ///< for types that have a range
    uint64_t ticks = 0;   ///< sum of latencies
    uint64_t min_ticks = UINT64_MAX;
    uint64_t max_ticks = 0;

    void count(uint64_t num_blocks, uint64_t latency_ticks) noexcept {
        ops++;
        blocks += num_blocks;
        ticks += latency_ticks;
        // Copies, because std::min() on members becomes a branch.
        uint64_t least = min_ticks, most = max_ticks;
        min_ticks = latency_ticks < least ? latency_ticks : least;
        max_ticks = latency_ticks > most ? latency_ticks : most;
    }

    void add(const TypeStat& other) noexcept {
        ops += other.ops;
        blocks += other.blocks;
        ticks += other.ticks;
        min_ticks = std::min(min_ticks, other.min_ticks);
        max_ticks = std::max(max_ticks, other.max_ticks);
    }

    uint64_t min() const noexcept { return max_ticks < min_ticks ? 0 : min_ticks; }

    void forget_extremes() noexcept {
        min_ticks = UINT64_MAX;
        max_ticks = 0;
    }
};

/// Counters of one channel, or the sum over channels that are gone.
struct IoStat {
    static constexpr uint32_t num_statuses = 16;

    TypeStat by_type[io_type_count];
    std::array<uint64_t, num_statuses> errors{};  ///< by minus the BDK_BDEV_IO_STATUS_* code

    void count_error(int32_t status) noexcept { errors[static_cast<uint32_t>(-status) % num_statuses]++; }

    void add(const IoStat& other) noexcept {
        for (uint32_t type = 0; type < io_type_count; type++)
            by_type[type].add(other.by_type[type]);
        for (uint32_t i = 0; i < num_statuses; i++)
            errors[i] += other.errors[i];
    }

    void forget_extremes() noexcept {
        for (TypeStat& stat : by_type)
            stat.forget_extremes();
    }
};

}  // namespace bdk
