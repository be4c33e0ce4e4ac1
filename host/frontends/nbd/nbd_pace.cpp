// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_pace.hpp"

#include <algorithm>

namespace bdevkit::host::nbd {

Pace::Next Pace::rest() noexcept {
    rested_ = true;
    batches_ = 0;
    return Next::rest;
}

Pace::Next Pace::worked(uint32_t requests) noexcept {
    requests_ += requests;
    quiet_since_ = 0;
    if (requests != 0) ++batches_;
    if (!rested_ || batches_ < 2) return Next::poll;
    // The second batch arrived while the first batch, from the rest, was answered.
    misses_ = 0;
    gap_us_ = first_gap_us;
    return rest();
}

Pace::Next Pace::idle(uint64_t now, uint64_t running) noexcept {
    if (running == 0 && may_rest(now)) return rest();
    if (quiet_since_ == 0) quiet_since_ = now;
    return now - quiet_since_ < patience_us * us_ ? Next::poll : Next::sleep;
}

bool Pace::may_rest(uint64_t now) noexcept {
    if (!rested_) return try_is_due(now);
    rested_ = false;
    if (++misses_ < max_misses) return true;
    stop_resting();
    last_try_ = now;
    requests_ = 0;
    return false;
}

void Pace::rested(uint64_t ticks) noexcept {
    if (ticks > overslept_us * us_) stop_resting();
}

void Pace::stop_resting() noexcept {
    rested_ = false;
    misses_ = 0;
    gap_us_ = std::min(gap_us_ * 2, last_gap_us);
}

bool Pace::try_is_due(uint64_t now) noexcept {
    const uint64_t elapsed_us = (now - last_try_) / us_;
    if (elapsed_us < gap_us_) return false;
    const bool fast = requests_ * fast_gap_us >= elapsed_us;
    last_try_ = now;
    requests_ = 0;
    return fast;
}

}  // namespace bdevkit::host::nbd
