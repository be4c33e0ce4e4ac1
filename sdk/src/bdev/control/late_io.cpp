// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "watchdog"
#include "bdev/control/late_io.hpp"

#include <bdevkit/log.h>
#include <bdevkit/poller.h>

#include <algorithm>
#include <utility>

#include "bdev/control/io_in_flight.hpp"
#include "bdev/model/bdev_options.hpp"
#include "bdev/model/io_pool.hpp"

namespace bdk {

namespace {

int check_late_io(void* ctx) {
    auto* pool = static_cast<IoPool*>(ctx);
    uint64_t limit = uint64_t{bdev_options().late_io_ms} * bdk_get_ticks_hz() / 1000;
    uint64_t now = bdk_get_ticks();
    uint64_t last = std::exchange(pool->late_io_checked, now);
    pool->for_each_used([&](const BdevIo* io) {
        if (!speaks_for_itself(io)) return;
        uint64_t deadline = io->first_submit_ticks() + limit;
        if (deadline > last && deadline <= now) BDK_ERRLOG("%s", describe_io(io, now).c_str());
    });
    return BDK_POLLER_IDLE;
}

}  // namespace

void watch_late_io(IoPool* pool) {
    uint64_t limit_us = uint64_t{bdev_options().late_io_ms} * 1000;
    if (limit_us == 0) return;
    pool->late_io_checked = bdk_get_ticks();
    pool->late_io = bdk_poller_register(check_late_io, pool,
                                        std::clamp<uint64_t>(limit_us / 4, 1000, 5'000'000), "bdev_late_io");
}

}  // namespace bdk
