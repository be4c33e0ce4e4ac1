// SPDX-License-Identifier: BSD-3-Clause
// Ticks of the time-stamp counter, and nanoseconds. Exact to a tick, without overflow in a hundred years.
#pragma once

#include <rte_cycles.h>

#include <cstdint>

namespace bdk {

inline constexpr uint64_t ns_per_second = 1'000'000'000;

inline uint64_t scale(uint64_t value, uint64_t from, uint64_t to) noexcept {
    return value / from * to + value % from * to / from;
}

inline uint64_t ticks_from_ns(uint64_t ns) noexcept {
    return scale(ns, ns_per_second, rte_get_tsc_hz());
}

inline uint64_t ns_from_ticks(uint64_t ticks) noexcept {
    return scale(ticks, rte_get_tsc_hz(), ns_per_second);
}

}  // namespace bdk
