// SPDX-License-Identifier: BSD-3-Clause
// Decides which range of blocks is held, and which ranges wait for which. It knows neither threads nor I/O:
// see WriteGuard (write_guard.hpp) for those.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <tuple>

#include "base/export.hpp"

namespace bdk {

struct InShelf;
struct InQueue;
using ShelfHook = boost::intrusive::set_base_hook<boost::intrusive::tag<InShelf>>;
using QueueHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<InQueue>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// Blocks that are being written, or that a writer waits for. Shared ranges may overlap one another; an
/// exclusive range overlaps no other.
struct Range : ShelfHook, QueueHook {
    enum class Mode : uint8_t { shared, exclusive };
    using Queue = boost::intrusive::list<Range, boost::intrusive::base_hook<QueueHook>,
                                         boost::intrusive::constant_time_size<false>>;

    uint64_t first = 0;
    uint64_t end = 0;  ///< one past the last block
    Mode mode = Mode::shared;
    bool held = false;  ///< set by the lock; false while the range waits

    uint64_t turn = 0;  ///< for the lock only: counts the ranges in the order in which they came
    Queue behind;       ///< for the lock only: the ranges that wait for this one

    /// Leaves the queue that the range is in, if any.
    void leave_queue() noexcept {
        if (QueueHook::is_linked()) QueueHook::unlink();
    }
};

/// Ranges that conflict are granted in the order in which they came; others do not wait.
///
/// Each waiting range is in the queue of one earlier range that conflicts with it. When that range is
/// removed, each range in its queue either finds another earlier range to wait for, or is granted. So the
/// removal of a range costs only as much as the number of ranges that waited for it, and a hundred writers of
/// one block form a chain.
///
/// The ranges of a mode are sorted into classes by the power of two of their length, and within a class by
/// first block. So a search for overlaps need not start further back than the longest range of a class
/// reaches.
class BDK_INTERNAL RangeLock {
public:
    /// Adds a range, in the order of the calls. @return true if it is held at once
    bool add(Range& range);

    /// Adds a range that is already being written, even if it conflicts with others.
    void add_held(Range& range);

    /// Makes a shared range, held or waiting, exclusive towards later ranges.
    void make_exclusive(Range& range);

    /// Removes a range, held or waiting. The ranges that waited for it are due in grant().
    void remove(Range& range);

    /// Looks at up to `limit` ranges whose obstacle has gone, and calls granted(range) for each that is now
    /// held. @return true if more are due
    template <typename Fn>
    bool grant(uint32_t limit, Fn&& granted) {
        for (; limit != 0 && !due_.empty(); limit--) {
            Range& range = due_.front();
            due_.pop_front();
            if (wait_for(range, earlier_obstacle(range))) continue;
            range.held = true;
            granted(range);
        }
        return !due_.empty();
    }

private:
    /// The ranges of one mode.
    class Shelf {
    public:
        void insert(Range& range);
        void erase(Range& range);
        /// A range that overlaps; among those with the same first block the latest.
        Range* last_overlap(const Range& range);
        /// A range that overlaps `range` and came before it.
        Range* earlier_overlap(const Range& range);

    private:
        using Place = std::tuple<uint64_t, uint64_t>;  // first block, turn
        struct PlaceOf {
            using type = Place;
            Place operator()(const Range& range) const noexcept { return {range.first, range.turn}; }
        };
        using Set = boost::intrusive::set<Range, boost::intrusive::base_hook<ShelfHook>,
                                          boost::intrusive::key_of_value<PlaceOf>>;

        std::array<Set, 64> classes_;  ///< by the power of two of the length
        uint64_t used_ = 0;            ///< a bit for each class that is not empty
    };

    Shelf& shelf_of(const Range& range) { return shelves_[range.mode == Range::Mode::exclusive ? 1 : 0]; }
    Range* last_obstacle(const Range& range);
    Range* earlier_obstacle(const Range& range);
    static bool wait_for(Range& range, Range* obstacle);

    std::array<Shelf, 2> shelves_;  ///< shared, exclusive
    Range::Queue due_;
    uint64_t next_turn_ = 0;
};

}  // namespace bdk
