// SPDX-License-Identifier: BSD-3-Clause
// How long a reactor has looked and found nothing to do.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bdk {

/// A reactor calls its pollers less often the longer they have found nothing. What counts is the time in
/// which it has looked. A turn that took long, because the kernel had the core for something else, or because
/// a poller was slow, is one look all the same: it counts with `most_per_turn` at the most. A sleep counts as
/// long as it was meant to be. So a poller that was busy a moment ago is called again at once after such a
/// pause, when there is most to be found.
class IdleTime {
public:
    explicit IdleTime(uint64_t most_per_turn) noexcept : most_per_turn_(most_per_turn) {}

    /// Something was found: it starts anew.
    void found_work() noexcept {
        ticks_ = 0;
        last_ = 0;
    }

    /// A turn has found nothing. `now`: ticks, as the reactor has read them last
    void idle_turn(uint64_t now) noexcept {
        if (last_ != 0) ticks_ += std::min(now - last_, most_per_turn_);
        last_ = now;
    }

    /// A sleep that was to last until `deadline` has ended.
    void slept(uint64_t now, uint64_t deadline) noexcept {
        ticks_ += std::max(std::min(now, deadline), last_) - last_;
        last_ = now;
    }

    bool is_running() const noexcept { return last_ != 0; }
    uint64_t ticks() const noexcept { return ticks_; }

private:
    uint64_t most_per_turn_;
    uint64_t ticks_ = 0;
    uint64_t last_ = 0;  ///< 0: something was found in the last turn
};

}  // namespace bdk
