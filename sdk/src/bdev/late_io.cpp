// SPDX-License-Identifier: BSD-3-Clause
// The watchdog for I/Os that a module never completes: each thread looks through its bdev_ios now and then.
#define BDK_LOG_COMPONENT "watchdog"
#include <bdevkit/log.h>
#include <bdevkit/poller.h>

#include <algorithm>
#include <string>
#include <utility>

#include "bdev/bdev.hpp"
#include "bdev/bdev_layer.hpp"
#include "bdev/io_pool.hpp"

namespace bdk {

namespace {

/// "bdev 'top' (module 'passthru') > bdev 'disk' (module 'malloc')": the way that the I/O has gone.
std::string way_of(const BdevIo* io) {
    std::string way;
    for (uint32_t layer = 0; layer <= io->depth; layer++) {
        const BdevChannel* ch = layer < io->depth ? io->frames[layer].ch() : io->ch;
        if (layer != 0) way += " > ";
        way += "bdev '" + ch->bdev->name + "' (module '" + ch->bdev->module_name + "')";
    }
    return way;
}

/// True if others of the core's I/Os are on their way in the I/O's place.
bool others_have(const BdevIo* io) {
    return io->stand_in != nullptr || (io->work.step != nullptr && io->work.children != 0);
}

void report(const BdevIo* io, uint64_t now) {
    double age =
        static_cast<double>(now - io->first_submit_ticks()) / static_cast<double>(bdk_get_ticks_hz());
    BDK_ERRLOG("a %s has been outstanding for %.1f s: %s; %s", bdk_bdev_io_type_name(io->pub.type), age,
               way_of(io).c_str(),
               io->state == IoState::core
                   ? "the core holds it: it waits for memory, a rate limit, a reset or another I/O"
                   : "the last module has it: it must complete each I/O once");
}

int check_late_io(void* ctx) {
    auto* pool = static_cast<IoPool*>(ctx);
    uint64_t limit = uint64_t{bdev_options().late_io_ms} * bdk_get_ticks_hz() / 1000;
    uint64_t now = bdk_get_ticks();
    uint64_t last = std::exchange(pool->late_io_checked, now);
    pool->for_each_used([&](const BdevIo* io) {
        bool waits = io->state == IoState::in_module || (io->state == IoState::core && !others_have(io));
        if (io->part.previous != nullptr) return;  // the oldest child of a parent speaks for the others
        uint64_t deadline = io->first_submit_ticks() + limit;
        if (waits && deadline > last && deadline <= now) report(io, now);
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
