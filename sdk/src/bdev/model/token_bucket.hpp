// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>

namespace bdk {

/// Lets units (I/Os, bytes) pass at a rate. The clock adds tokens, up to the amount of `burst_ticks`. While
/// the level is at 0 or above, a caller may take as many tokens as it needs, so the level may fall below 0,
/// whatever the size of one piece. Then other callers wait until it is back at 0. So over any period no more
/// passes than the rate, the burst and one piece. A caller that comes back late, by less than the burst,
/// loses nothing.
class TokenBucket {
public:
    /// Starts again with an empty bucket. 0: no limit.
    void set_rate(double units_per_tick, uint64_t burst_ticks, uint64_t now) {
        rate_ = units_per_tick;
        burst_ = units_per_tick * static_cast<double>(burst_ticks);
        level_ = 0;
        last_ = now;
    }

    bool is_limited() const noexcept { return rate_ > 0; }

    void refill(uint64_t now) noexcept {
        if (!is_limited() || now <= last_) return;
        level_ = std::min(burst_, level_ + rate_ * static_cast<double>(now - last_));
        last_ = now;
    }

    /// The level after refill(). Always 0 without a limit.
    double level() const noexcept { return level_; }

    /// The highest level.
    double burst() const noexcept { return burst_; }

    void take(uint64_t units) noexcept {
        if (is_limited()) level_ -= static_cast<double>(units);
    }

    /// Ticks until the level is back at 0, rounded up; 0 if it is.
    uint64_t ticks_to_wait() const noexcept {
        return level_ >= 0 ? 0 : static_cast<uint64_t>(-level_ / rate_) + 1;
    }

private:
    double rate_ = 0;
    double burst_ = 0;
    double level_ = 0;
    uint64_t last_ = 0;
};

}  // namespace bdk
