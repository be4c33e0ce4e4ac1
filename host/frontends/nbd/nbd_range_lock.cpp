// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_range_lock.hpp"

#include <algorithm>
#include <cerrno>

namespace bdevkit::host::nbd {

namespace {

bool overlap(const Range& a, const Range& b) {
    return a.first < b.end && b.first < a.end;
}

class SpinGuard {
public:
    explicit SpinGuard(bdk_spinlock& lock) : lock_(lock) { bdk_spin_lock(&lock_); }
    ~SpinGuard() { bdk_spin_unlock(&lock_); }
    SpinGuard(const SpinGuard&) = delete;
    SpinGuard& operator=(const SpinGuard&) = delete;

private:
    bdk_spinlock& lock_;
};

void run_granted(void* ctx) {
    auto& range = *static_cast<Range*>(ctx);
    range.granted(range);
}

/// By a message also on the own thread, so that a long queue of ranges that fail at once does not recurse.
void tell(Range& range) {
    // A full ring empties as long as the other reactor lives, and a grant must not be lost.
    while (bdk_thread_send_msg(range.thread, run_granted, &range) == -ENOMEM) {
        if (range.thread == bdk_get_thread()) return run_granted(&range);
    }
}

}  // namespace

bool RangeLock::must_wait(const Range& range, List::const_iterator waiting_end) const {
    const auto blocks = [&](const Range& other) { return overlap(range, other); };
    if (std::any_of(exclusive_.begin(), exclusive_.end(), blocks)) return true;
    const bool exclusive = range.mode == Range::Mode::exclusive;
    if (exclusive && std::any_of(shared_.begin(), shared_.end(), blocks)) return true;
    return std::any_of(waiting_.begin(), waiting_end, [&](const Range& other) {
        return overlap(range, other) && (exclusive || other.mode == Range::Mode::exclusive);
    });
}

void RangeLock::hold(Range& range) {
    (range.mode == Range::Mode::exclusive ? exclusive_ : shared_).push_back(range);
}

bool RangeLock::lock(Range& range) {
    range.thread = bdk_get_thread();
    const SpinGuard guard(spin_);
    if (must_wait(range, waiting_.end())) {
        waiting_.push_back(range);
        return false;
    }
    hold(range);
    return true;
}

void RangeLock::unlock(Range& range) {
    Range* granted = nullptr;
    Range** tail = &granted;
    {
        const SpinGuard guard(spin_);
        List& held = range.mode == Range::Mode::exclusive ? exclusive_ : shared_;
        held.erase(held.iterator_to(range));
        for (auto it = waiting_.begin(); it != waiting_.end();) {
            Range& candidate = *it;
            if (must_wait(candidate, it)) {
                ++it;
                continue;
            }
            it = waiting_.erase(it);
            hold(candidate);
            candidate.next_granted = nullptr;
            *tail = &candidate;
            tail = &candidate.next_granted;
        }
    }
    while (granted != nullptr) {
        Range& next = *granted;
        granted = next.next_granted;  // `next` may be gone once it has been told
        tell(next);
    }
}

}  // namespace bdevkit::host::nbd
