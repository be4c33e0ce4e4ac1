// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/bdev.h>
#include <bdevkit/thread.h>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace bdevkit::python {

/// The calls of bdk_bdev_abandon() on one thread that have not ended. Until they have, a write that was
/// abandoned could still land on a newer one; so I/O of the same bdev that begins meanwhile is held back.
class Abandoning {
public:
    void begin(const bdk_bdev* bdev) { ++under_way_[bdev].calls; }

    /// I/O that was held back goes on when no other call for the bdev is under way.
    void end(const bdk_bdev* bdev) {
        const auto it = under_way_.find(bdev);
        if (it == under_way_.end() || --it->second.calls != 0) return;
        const std::vector<HeldBack> held = std::move(it->second.held);
        under_way_.erase(it);
        for (const HeldBack& each : held)
            each.go_on(each.arg);
    }

    /// I/O that was held back goes on, whatever is under way.
    void end_all() {
        for (const auto& [bdev, calls] : std::exchange(under_way_, {}))
            for (const HeldBack& each : calls.held)
                each.go_on(each.arg);
    }

    bool any() const { return !under_way_.empty(); }

    /// Whether I/O of the bdev is held back: then go_on(arg) will be called.
    bool holds_back(const bdk_bdev* bdev, bdk_msg_fn go_on, void* arg) {
        const auto it = under_way_.find(bdev);
        if (it == under_way_.end()) return false;
        it->second.held.push_back({go_on, arg});
        return true;
    }

private:
    struct HeldBack {
        bdk_msg_fn go_on;
        void* arg;
    };
    struct Calls {
        uint32_t calls = 0;
        std::vector<HeldBack> held;
    };

    std::map<const bdk_bdev*, Calls> under_way_;
};

}  // namespace bdevkit::python
