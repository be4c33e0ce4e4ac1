// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/bdev_io.h>

#include <cstdint>

namespace bdk {

/// Counters of successful I/Os of one type.
struct TypeStat {
    uint64_t ops = 0;
    uint64_t blocks = 0;  ///< of types that have a range
    uint64_t ticks = 0;   ///< sum of latencies
};

/// Counters of one channel, or of channels that are gone.
struct IoStat {
    TypeStat by_type[BDK_BDEV_IO_NUM_TYPES];
    uint64_t errors = 0;  ///< I/Os that ended in anything but success

    void add(const IoStat& other) {
        for (int type = 0; type < BDK_BDEV_IO_NUM_TYPES; type++) {
            by_type[type].ops += other.by_type[type].ops;
            by_type[type].blocks += other.by_type[type].blocks;
            by_type[type].ticks += other.by_type[type].ticks;
        }
        errors += other.errors;
    }
};

}  // namespace bdk
