// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/range_lock.hpp"

#include <bit>

namespace bdk {

namespace {

uint32_t class_of(const Range& range) {
    return static_cast<uint32_t>(std::bit_width(range.end - range.first)) - 1;
}

/// A range of this length class that begins before the result ends at or before `first`.
uint64_t reach_back(uint64_t first, uint32_t length_class) {
    const uint64_t longest = length_class == 63 ? UINT64_MAX : (uint64_t{2} << length_class) - 1;
    return first < longest ? 0 : first - longest + 1;
}

/// Calls fn(class) for each bit until it returns a range.
template <typename Fn>
Range* first_found(uint64_t classes, Fn&& fn) {
    for (; classes != 0; classes &= classes - 1)
        if (Range* found = fn(static_cast<uint32_t>(std::countr_zero(classes))); found != nullptr)
            return found;
    return nullptr;
}

}  // namespace

void RangeLock::Shelf::insert(Range& range) {
    classes_[class_of(range)].insert(range);
    used_ |= uint64_t{1} << class_of(range);
}

void RangeLock::Shelf::erase(Range& range) {
    Set& set = classes_[class_of(range)];
    set.erase(set.iterator_to(range));
    if (set.empty()) used_ &= ~(uint64_t{1} << class_of(range));
}

Range* RangeLock::Shelf::last_overlap(const Range& range) {
    return first_found(used_, [&](uint32_t length_class) -> Range* {
        Set& set = classes_[length_class];
        const uint64_t from = reach_back(range.first, length_class);
        for (auto it = set.lower_bound(Place{range.end, 0}); it != set.begin();) {
            --it;
            if (it->first < from) break;
            if (it->end > range.first) return &*it;
        }
        return nullptr;
    });
}

Range* RangeLock::Shelf::earlier_overlap(const Range& range) {
    return first_found(used_, [&](uint32_t length_class) -> Range* {
        Set& set = classes_[length_class];
        auto it = set.lower_bound(Place{reach_back(range.first, length_class), 0});
        while (it != set.end() && it->first < range.end) {
            if (it->turn >= range.turn) {
                it = set.upper_bound(Place{it->first, UINT64_MAX});  // the rest of this block is later still
                continue;
            }
            if (it->end > range.first) return &*it;
            ++it;
        }
        return nullptr;
    });
}

Range* RangeLock::last_obstacle(const Range& range) {
    Range* found = shelves_[1].last_overlap(range);
    if (found == nullptr && range.mode == Range::Mode::exclusive) found = shelves_[0].last_overlap(range);
    return found;
}

Range* RangeLock::earlier_obstacle(const Range& range) {
    Range* found = shelves_[1].earlier_overlap(range);
    if (found == nullptr && range.mode == Range::Mode::exclusive) found = shelves_[0].earlier_overlap(range);
    return found;
}

bool RangeLock::wait_for(Range& range, Range* obstacle) {
    if (obstacle == nullptr) return false;
    obstacle->behind.push_back(range);
    return true;
}

bool RangeLock::add(Range& range) {
    range.turn = next_turn_++;
    range.held = !wait_for(range, last_obstacle(range));
    shelf_of(range).insert(range);
    return range.held;
}

void RangeLock::add_held(Range& range) {
    range.turn = next_turn_++;
    range.held = true;
    shelf_of(range).insert(range);
}

void RangeLock::make_exclusive(Range& range) {
    shelf_of(range).erase(range);
    range.mode = Range::Mode::exclusive;
    shelf_of(range).insert(range);
}

void RangeLock::remove(Range& range) {
    shelf_of(range).erase(range);
    range.leave_queue();
    due_.splice(due_.end(), range.behind);
}

}  // namespace bdk
