// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/control/io_in_flight.hpp"

#include <bdevkit/io_channel.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <utility>

#include "base/ticks.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/waiting_io.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

constexpr size_t max_described = 8;

/// "bdev 'top' (module 'passthru') > bdev 'disk' (module 'malloc')": the layers that the I/O has reached.
std::string way_of(const BdevIo* io) {
    std::string way;
    for (uint32_t layer = 0; layer <= io->depth; layer++) {
        const BdevChannel* ch = layer < io->depth ? io->frames[layer].ch() : io->ch;
        if (layer != 0) way += " > ";
        way += "bdev '" + ch->bdev->name + "' (module '" + ch->bdev->module_name + "')";
    }
    return way;
}

/// True if other I/Os of the core are in flight in place of this one.
bool others_have(const BdevIo* io) {
    return io->stand_in != nullptr || (io->work.step != nullptr && io->work.children != 0);
}

/// One pass over the I/Os, pool by pool.
struct Look {
    uint64_t wait_limit_ticks;
    std::function<void(IoInFlight)> done;
    IoInFlight found;
    std::vector<std::pair<uint64_t, std::string>> oldest;  ///< by age in ticks, the oldest first

    void visit(IoPool* pool) {
        const uint64_t now = bdk_get_ticks();
        end_waiting_io_since(pool, now - wait_limit_ticks);
        pool->for_each_used([&](const BdevIo* io) {
            if (speaks_for_itself(io)) note(io, now);
        });
    }

    void note(const BdevIo* io, uint64_t now) {
        const uint64_t age = now - std::min(now, io->first_submit_ticks());
        found.count++;
        found.oldest_ns = std::max(found.oldest_ns, ns_from_ticks(age));
        if (oldest.size() == max_described && oldest.back().first >= age) return;
        oldest.emplace_back(age, describe_io(io, now));
        std::ranges::sort(oldest, std::greater(), &std::pair<uint64_t, std::string>::first);
        if (oldest.size() > max_described) oldest.pop_back();
    }

    void end() {
        for (auto& [age, text] : oldest)
            found.described.push_back(std::move(text));
        done(std::move(found));
    }
};

}  // namespace

std::string describe_io(const BdevIo* io, uint64_t now) {
    const double age =
        static_cast<double>(now - io->first_submit_ticks()) / static_cast<double>(bdk_get_ticks_hz());
    char seconds[32];
    std::snprintf(seconds, sizeof(seconds), "%.1f", age);
    const char* const who =
        io->state == IoState::core
            ? "the core holds it: it waits for memory, a rate limit, a reset or another I/O"
            : "the last module has it: it must complete each I/O once";
    return std::string("a ") + bdk_bdev_io_type_name(io->pub.type) + " has been outstanding for " + seconds +
           " s: " + way_of(io) + "; " + who;
}

bool speaks_for_itself(const BdevIo* io) {
    // The oldest child of a parent is reported for the others.
    if (io->part.previous != nullptr) return false;
    return io->state == IoState::in_module || (io->state == IoState::core && !others_have(io));
}

void look_at_io_in_flight(uint64_t wait_limit_ns, std::function<void(IoInFlight)> done) {
    auto look = std::make_unique<Look>();
    look->wait_limit_ticks = ticks_from_ns(wait_limit_ns);
    look->done = std::move(done);
    const auto on_pool = [](bdk_io_channel_iter* iter) {
        auto* pool = static_cast<IoPool*>(io_channel_ctx(bdk_io_channel_iter_get_channel(iter)));
        static_cast<Look*>(bdk_io_channel_iter_get_ctx(iter))->visit(pool);
        bdk_for_each_channel_continue(iter, 0);
    };
    const auto on_end = [](bdk_io_channel_iter* iter, int) {
        std::unique_ptr<Look>(static_cast<Look*>(bdk_io_channel_iter_get_ctx(iter)))->end();
    };
    bdk_for_each_channel(io_pool_io_device(), on_pool, look.release(), on_end);
}

}  // namespace bdk
