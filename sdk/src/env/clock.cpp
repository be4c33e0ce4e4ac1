// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/thread.h>
#include <rte_cycles.h>
#include <time.h>

uint64_t bdk_get_time_ns(void) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t bdk_get_ticks(void) {
    return rte_rdtsc();
}

uint64_t bdk_get_ticks_hz(void) {
    return rte_get_tsc_hz();
}
