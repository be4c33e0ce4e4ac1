// SPDX-License-Identifier: BSD-3-Clause
// Removes all bdevs one after the other, always one that is not open. So each bdev goes before its bases,
// whatever the order of creation and whenever a base was attached. No bdev sees the removal of a base that it
// could do without, which a mirror would treat as a failure.
#define BDK_LOG_COMPONENT "module"
#include <bdevkit/log.h>
#include <bdevkit/poller.h>

#include <cerrno>
#include <memory>
#include <set>
#include <utility>

#include "base/errno_text.hpp"
#include "bdev/lifecycle/bdev_layer.hpp"
#include "bdev/model/bdev_list.hpp"
#include "module/module_registry.hpp"
#include "thread/poller.hpp"
#include "thread/post.hpp"

namespace bdk {

namespace {

constexpr uint64_t patience_ns = 10'000'000'000;
constexpr uint64_t look_again_us = 1000;

struct RemoveAll : std::enable_shared_from_this<RemoveAll> {
    Done done;
    int rc = 0;
    std::set<uint64_t> stuck;  ///< serials
    uint64_t deadline_ns = 0;  ///< set when the removal of the next bdev is already under way
    bdk_poller* poller = nullptr;

    void step() {
        if (Bdev* next = next_to_go(stuck)) return remove(next);
        const bool is_left =
            newest_bdev([this](const Bdev* bdev) { return !stuck.contains(bdev->serial); }) != nullptr;
        if (!is_left || (deadline_ns != 0 && bdk_get_time_ns() > deadline_ns)) return done(rc);
        if (deadline_ns == 0) deadline_ns = bdk_get_time_ns() + patience_ns;
        look_again();
    }

    void remove(Bdev* bdev) {
        deadline_ns = 0;
        auto removed = [self = shared_from_this(), serial = bdev->serial, name = bdev->name](int result) {
            // A bdev made by examination may have been removed with its base.
            if (result != 0 && result != -ENODEV) {
                BDK_ERRLOG("bdev '%s' could not be removed: %s", name.c_str(), errno_text(result).c_str());
                self->stuck.insert(serial);
                self->rc = result;
            }
            post(current_thread(), [self] { self->step(); });
        };
        module_remove_bdev(bdev->name, std::move(removed), BDK_REMOVE_AT_STOP);
    }

    /// Another request is already removing a bdev.
    void look_again() {
        auto again = [](void* ctx) {
            auto self = static_cast<RemoveAll*>(ctx)->shared_from_this();
            bdk_poller_unregister(&self->poller);
            self->kept = nullptr;
            self->step();
            return BDK_POLLER_BUSY;
        };
        kept = shared_from_this();
        poller = register_poller_always(again, this, look_again_us, "remove_all");
    }

    std::shared_ptr<RemoveAll> kept;  ///< by the poller
};

}  // namespace

void module_remove_all_bdevs(Done done) {
    auto all = std::make_shared<RemoveAll>();
    all->done = std::move(done);
    modules_fini_start();
    all->step();
}

}  // namespace bdk
