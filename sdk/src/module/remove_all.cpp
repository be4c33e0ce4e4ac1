// SPDX-License-Identifier: BSD-3-Clause
// Removing every bdev: one after the other, what nobody has open first. So what stands on a bdev goes before
// it, whatever was created first and whenever a base was attached, and no bdev sees a base go that it could
// do without: a mirror would take that for a failure.
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
    uint64_t deadline_ns = 0;  ///< once the next bdev is on its way out already
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
            // One made by examination may have gone with the one below it.
            if (result != 0 && result != -ENODEV) {
                BDK_ERRLOG("bdev '%s' could not be removed: %s", name.c_str(), errno_text(result).c_str());
                self->stuck.insert(serial);
                self->rc = result;
            }
            post(current_thread(), [self] { self->step(); });
        };
        module_remove_bdev(bdev->name, std::move(removed));
    }

    /// One is on its way out, by the request of somebody else.
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
    all->step();
}

}  // namespace bdk
