// SPDX-License-Identifier: BSD-3-Clause
// How long a reactor has polled without finding work.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bdk {

/// A reactor calls its pollers less often the longer they have found no work. Only time spent polling counts.
/// A turn may take long because the kernel used the core for something else or because a poller was slow; it
/// counts as at most `most_per_turn`. A sleep counts with its intended length. So after such a pause a poller
/// that was busy before is called again at once, when work has probably accumulated.
class IdleTime {
public:
    explicit IdleTime(uint64_t most_per_turn) noexcept : most_per_turn_(most_per_turn) {}

    /// Work was found: the time starts from zero.
    void found_work() noexcept {
        ticks_ = 0;
        last_ = 0;
    }

    /// A turn has found no work. `now`: the ticks that the reactor has read last
    void idle_turn(uint64_t now) noexcept {
        if (last_ != 0) ticks_ += std::min(now - last_, most_per_turn_);
        last_ = now;
    }

    /// A sleep with the end `deadline` is over.
    void slept(uint64_t now, uint64_t deadline) noexcept {
        ticks_ += std::max(std::min(now, deadline), last_) - last_;
        last_ = now;
    }

    bool is_running() const noexcept { return last_ != 0; }
    uint64_t ticks() const noexcept { return ticks_; }

private:
    uint64_t most_per_turn_;
    uint64_t ticks_ = 0;
    uint64_t last_ = 0;  ///< 0: work was found in the last turn
};

}  // namespace bdk
