// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/range_lock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

namespace bdk {
namespace {

using Mode = Range::Mode;

struct TestRange : Range {
    TestRange(uint64_t from, uint64_t to, Mode how) {
        first = from;
        end = to;
        mode = how;
    }
};

struct Shared : TestRange {
    Shared(uint64_t from, uint64_t to) : TestRange(from, to, Mode::shared) {}
};

struct Exclusive : TestRange {
    Exclusive(uint64_t from, uint64_t to) : TestRange(from, to, Mode::exclusive) {}
};

/// Removes the range, and grants the ranges that waited for it.
std::vector<Range*> remove(RangeLock& lock, Range& range) {
    std::vector<Range*> granted;
    lock.remove(range);
    EXPECT_FALSE(lock.grant(1000, [&](Range& next) { granted.push_back(&next); }));
    return granted;
}

using Ranges = std::vector<Range*>;

TEST(RangeLock, SharedRangesOverlap) {
    RangeLock lock;
    Shared a(0, 8), b(4, 12);
    EXPECT_TRUE(lock.add(a));
    EXPECT_TRUE(lock.add(b));
    EXPECT_EQ(remove(lock, a), Ranges{});
    EXPECT_EQ(remove(lock, b), Ranges{});
}

TEST(RangeLock, AnExclusiveRangeWaitsForTheOverlappingOnesAlone) {
    RangeLock lock;
    Shared inside(4, 8), beside(8, 12);
    Exclusive exclusive(0, 8);
    EXPECT_TRUE(lock.add(inside));
    EXPECT_TRUE(lock.add(beside));
    EXPECT_FALSE(lock.add(exclusive));
    EXPECT_EQ(remove(lock, inside), Ranges{&exclusive});
    EXPECT_TRUE(exclusive.held);
    remove(lock, exclusive);
    remove(lock, beside);
}

TEST(RangeLock, WhatOverlapsAnExclusiveRangeWaitsInTheOrderInWhichItCame) {
    RangeLock lock;
    Exclusive exclusive(0, 8), other(0, 4), apart(8, 12);
    Shared shared(4, 12);
    EXPECT_TRUE(lock.add(exclusive));
    EXPECT_FALSE(lock.add(shared));
    EXPECT_FALSE(lock.add(other));
    EXPECT_FALSE(lock.add(apart)) << "behind `shared`, which came first";
    Ranges granted = remove(lock, exclusive);
    std::sort(granted.begin(), granted.end(), [](auto* a, auto* b) { return a->turn < b->turn; });
    EXPECT_EQ(granted, (Ranges{&shared, &other}));
    EXPECT_EQ(remove(lock, shared), Ranges{&apart});
    remove(lock, other);
    remove(lock, apart);
}

TEST(RangeLock, AWaitingExclusiveRangeIsNotOvertaken) {
    RangeLock lock;
    Shared first(0, 4), late(0, 4);
    Exclusive exclusive(0, 4);
    EXPECT_TRUE(lock.add(first));
    EXPECT_FALSE(lock.add(exclusive));
    EXPECT_FALSE(lock.add(late));
    EXPECT_EQ(remove(lock, first), Ranges{&exclusive});
    EXPECT_EQ(remove(lock, exclusive), Ranges{&late});
    remove(lock, late);
}

TEST(RangeLock, ARangeThatStopsWaitingLetsOthersPass) {
    RangeLock lock;
    Shared first(0, 4), late(0, 4);
    Exclusive exclusive(0, 4);
    lock.add(first);
    lock.add(exclusive);
    lock.add(late);
    EXPECT_EQ(remove(lock, exclusive), Ranges{&late});
    remove(lock, first);
    remove(lock, late);
}

TEST(RangeLock, ARangeThatBecomesExclusiveHoldsUpWhatComesLater) {
    RangeLock lock;
    Shared abandoned(0, 4), beside(0, 4), late(2, 3);
    EXPECT_TRUE(lock.add(abandoned));
    EXPECT_TRUE(lock.add(beside));
    lock.make_exclusive(abandoned);
    EXPECT_FALSE(lock.add(late));
    EXPECT_EQ(remove(lock, beside), Ranges{});
    EXPECT_EQ(remove(lock, abandoned), Ranges{&late});
    remove(lock, late);
}

TEST(RangeLock, EveryWriterOfOneBlockWaitsForTheOneBeforeItAlone) {
    RangeLock lock;
    std::vector<std::unique_ptr<Exclusive>> writers;
    for (int i = 0; i < 100; i++) {
        writers.push_back(std::make_unique<Exclusive>(7, 8));
        EXPECT_EQ(lock.add(*writers.back()), i == 0);
    }
    for (size_t i = 0; i < writers.size(); i++) {
        lock.remove(*writers[i]);
        Ranges granted;
        EXPECT_FALSE(lock.grant(1, [&](Range& next) { granted.push_back(&next); })) << "one look is enough";
        EXPECT_EQ(granted, i + 1 < writers.size() ? Ranges{writers[i + 1].get()} : Ranges{});
    }
}

TEST(RangeLock, OneTurnGrantsNoMoreThanItsLimit) {
    RangeLock lock;
    Exclusive exclusive(0, 8);
    std::deque<Shared> waiting;
    lock.add(exclusive);
    for (int i = 0; i < 10; i++)
        EXPECT_FALSE(lock.add(waiting.emplace_back(0, 8)));
    lock.remove(exclusive);
    size_t granted = 0;
    const auto count = [&](Range&) { granted++; };
    EXPECT_TRUE(lock.grant(4, count));
    EXPECT_EQ(granted, 4u);
    EXPECT_TRUE(lock.grant(4, count));
    EXPECT_FALSE(lock.grant(4, count));
    EXPECT_EQ(granted, 10u);
    for (Shared& range : waiting)
        lock.remove(range);
}

TEST(RangeLock, ARangeMayReachOverEverything) {
    RangeLock lock;
    Exclusive everything(0, UINT64_MAX), last(UINT64_MAX - 1, UINT64_MAX);
    Shared first(0, 1);
    EXPECT_TRUE(lock.add(everything));
    EXPECT_FALSE(lock.add(last));
    EXPECT_FALSE(lock.add(first));
    remove(lock, everything);
    EXPECT_TRUE(last.held);
    EXPECT_TRUE(first.held);
    remove(lock, last);
    remove(lock, first);
}

/// The rule itself: a range is held once no range that came before it conflicts with it.
class Model {
public:
    void add(const Range& range) { ranges_.push_back(&range); }
    void remove(const Range& range) { std::erase(ranges_, &range); }

    bool agrees() const {
        return std::all_of(ranges_.begin(), ranges_.end(),
                           [this](const Range* range) { return range->held == !waits(*range); });
    }

private:
    bool waits(const Range& range) const {
        return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range* other) {
            const bool overlaps = other->first < range.end && range.first < other->end;
            const bool conflict = range.mode == Mode::exclusive || other->mode == Mode::exclusive;
            return other->turn < range.turn && overlaps && conflict;
        });
    }

    std::vector<const Range*> ranges_;
};

TEST(RangeLock, AgreesWithTheRuleWhateverComes) {
    std::mt19937 random(1);
    RangeLock lock;
    Model model;
    std::vector<std::unique_ptr<TestRange>> ranges;
    for (int round = 0; round < 20000; round++) {
        const bool full = ranges.size() == 40;
        if (!full && (ranges.empty() || random() % 2 == 0)) {
            const uint64_t first = random() % 32;
            const uint64_t count = random() % 8 == 0 ? 1 + random() % 32 : 1 + random() % 3;
            const Mode mode = random() % 2 == 0 ? Mode::exclusive : Mode::shared;
            lock.add(*ranges.emplace_back(std::make_unique<TestRange>(first, first + count, mode)));
            model.add(*ranges.back());
        } else {
            const size_t which = random() % ranges.size();
            model.remove(*ranges[which]);
            remove(lock, *ranges[which]);
            ranges.erase(ranges.begin() + static_cast<std::ptrdiff_t>(which));
        }
        ASSERT_TRUE(model.agrees()) << "round " << round;
    }
    while (!ranges.empty()) {
        remove(lock, *ranges.back());
        ranges.pop_back();
    }
}

}  // namespace
}  // namespace bdk
