// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "bdev"
#include "bdev/lifecycle/bdev_layer.hpp"

#include <bdevkit/log.h>
#include <bdevkit/poller.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "bdev/control/late_io.hpp"
#include "bdev/lifecycle/desc.hpp"
#include "bdev/lifecycle/examine.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_list.hpp"
#include "bdev/model/bdev_options.hpp"
#include "bdev/model/desc.hpp"
#include "bdev/model/io_pool.hpp"
#include "diag/pending_calls.hpp"

namespace bdk {

namespace {

constexpr uint64_t stop_timeout_ns = 10'000'000'000;
constexpr uint64_t stop_poll_us = 1000;

int create_watched_pool(void* io_device, void* ctx) {
    const int rc = io_pool_create(io_device, ctx);
    if (rc == 0) watch_late_io(static_cast<IoPool*>(ctx));
    return rc;
}

/// A stop under way. It unregisters one bdev after the other, first those that are not open, so that each
/// bdev goes before its bases, whatever the order of creation.
struct Stop {
    std::function<void(int)> done;
    uint64_t deadline_ns = bdk_get_time_ns() + stop_timeout_ns;
    bdk_poller* poller = nullptr;
};

bool is_ready(Bdev* bdev, bool unopened) {
    std::scoped_lock lock(bdev->mutex);
    // A desc that is being closed holds the bdev only until its I/O in flight has ended.
    bool is_open = std::any_of(bdev->descs.begin(), bdev->descs.end(),
                               [](const bdk_bdev_desc* desc) { return !desc->closed; });
    return bdev->status == BdevStatus::ready && !(unopened && is_open);
}

void finish_stop(Stop* raw, int rc) {
    std::unique_ptr<Stop> stop(raw);
    bdk_poller_unregister(&stop->poller);
    examine_reset();
    pending_calls_stop();
    // Each thread's pool is given back with its last channel; the device goes after them.
    int unregistered = bdk_io_device_unregister(io_pool_io_device(), [](void*) {
        io_pool_free_spares();
        free_orphan_descs();
    });
    stop->done(rc != 0 ? rc : unregistered);
}

int poll_stop(void* ctx) {
    auto* stop = static_cast<Stop*>(ctx);
    if (newest_bdev([](Bdev*) { return true; }) == nullptr) {
        finish_stop(stop, 0);
    } else if (Bdev* bdev = next_to_go({})) {
        bdk_bdev_unregister(bdev->pub, nullptr, nullptr);
    } else if (bdk_get_time_ns() > stop->deadline_ns) {
        for (Bdev* left : all_bdevs())
            BDK_ERRLOG("bdev '%s' cannot be removed: %s", left->name.c_str(), describe_descs(left).c_str());
        finish_stop(stop, -ETIMEDOUT);
    } else {
        return BDK_POLLER_IDLE;
    }
    return BDK_POLLER_BUSY;
}

}  // namespace

Bdev* next_to_go(const std::set<uint64_t>& stuck) {
    const auto may_go = [&](const Bdev* bdev) { return !stuck.contains(bdev->serial); };
    if (Bdev* unopened = newest_bdev([&](Bdev* bdev) { return may_go(bdev) && is_ready(bdev, true); }))
        return unopened;
    const bool one_goes =
        newest_bdev([&](Bdev* bdev) { return may_go(bdev) && !is_ready(bdev, false); }) != nullptr;
    return one_goes ? nullptr : newest_bdev(may_go);
}

void bdev_layer_start(const BdevOptions& options, const std::function<void(int)>& done) {
    set_bdev_options(options);
    pending_calls_start(options.late_call_ms);
    examine_start(options);
    done(bdk_io_device_register(io_pool_io_device(), create_watched_pool, io_pool_destroy, sizeof(IoPool),
                                "bdev_layer"));
}

void bdev_layer_stop(std::function<void(int)> done) {
    auto stop = std::make_unique<Stop>();
    stop->done = std::move(done);
    stop->poller = bdk_poller_register(poll_stop, stop.get(), stop_poll_us, "bdev_layer_stop");
    static_cast<void>(stop.release());  // owned by the poller
}

}  // namespace bdk
