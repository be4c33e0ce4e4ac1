// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_range_lock.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <random>
#include <vector>

#include "runtime/test_host.hpp"

namespace bdevkit::host::nbd {
namespace {

using Mode = Range::Mode;

struct CountingRange : Range {
    CountingRange(uint64_t from, uint64_t to, Mode how) {
        first = from;
        end = to;
        mode = how;
        granted = [](Range& self) { ++static_cast<CountingRange&>(self).grants; };
    }
    int grants = 0;
};

class NbdRangeLock : public bdk::testing::HostTest {
protected:
    NbdRangeLock() : HostTest(bdk::testing::small_host(bdk::testing::up_to_two_cores())) {}

    /// Runs fn on the app thread; what it has granted has been told when this returns.
    void on_thread(const std::function<void()>& fn) {
        on_app(fn);
        bdk::testing::settle(app());
    }

    RangeLock lock;
};
TEST_F(NbdRangeLock, SharedRangesOverlap) {
    CountingRange a(0, 4096, Mode::shared);
    CountingRange b(0, 4096, Mode::shared);
    on_thread([&] {
        EXPECT_TRUE(lock.lock(a));
        EXPECT_TRUE(lock.lock(b));
        lock.unlock(a);
        lock.unlock(b);
    });
    EXPECT_EQ(a.grants + b.grants, 0) << "who does not wait is not told";
}

TEST_F(NbdRangeLock, AnExclusiveRangeWaitsForTheOverlappingOnesAlone) {
    CountingRange inside(4096, 8192, Mode::shared);
    CountingRange beside(8192, 12288, Mode::shared);
    CountingRange exclusive(0, 8192, Mode::exclusive);
    on_thread([&] {
        EXPECT_TRUE(lock.lock(inside));
        EXPECT_TRUE(lock.lock(beside));
        EXPECT_FALSE(lock.lock(exclusive));
    });
    EXPECT_EQ(exclusive.grants, 0);
    on_thread([&] { lock.unlock(inside); });
    EXPECT_EQ(exclusive.grants, 1);
    on_thread([&] {
        lock.unlock(exclusive);
        lock.unlock(beside);
    });
}

TEST_F(NbdRangeLock, EverythingThatOverlapsWaitsForAnExclusiveRange) {
    CountingRange exclusive(0, 8192, Mode::exclusive);
    CountingRange shared(4096, 12288, Mode::shared);
    CountingRange other(0, 4096, Mode::exclusive);
    CountingRange apart(8192, 12288, Mode::exclusive);
    on_thread([&] {
        EXPECT_TRUE(lock.lock(exclusive));
        EXPECT_FALSE(lock.lock(shared));
        EXPECT_FALSE(lock.lock(other));
        EXPECT_FALSE(lock.lock(apart)) << "behind `shared`, which came first";
        lock.unlock(exclusive);
    });
    EXPECT_EQ(shared.grants, 1);
    EXPECT_EQ(other.grants, 1);
    EXPECT_EQ(apart.grants, 0);
    on_thread([&] { lock.unlock(shared); });
    EXPECT_EQ(apart.grants, 1);
    on_thread([&] {
        lock.unlock(other);
        lock.unlock(apart);
    });
}

TEST_F(NbdRangeLock, AWaitingExclusiveRangeIsNotOvertaken) {
    CountingRange first(0, 4096, Mode::shared);
    CountingRange exclusive(0, 4096, Mode::exclusive);
    CountingRange late(0, 4096, Mode::shared);
    on_thread([&] {
        EXPECT_TRUE(lock.lock(first));
        EXPECT_FALSE(lock.lock(exclusive));
        EXPECT_FALSE(lock.lock(late));
        lock.unlock(first);
    });
    EXPECT_EQ(exclusive.grants, 1);
    EXPECT_EQ(late.grants, 0);
    on_thread([&] { lock.unlock(exclusive); });
    EXPECT_EQ(late.grants, 1);
    on_thread([&] { lock.unlock(late); });
}

/// Takes and gives back random ranges on its thread, and checks that nobody is there who must not be.
class Worker {
public:
    static constexpr size_t slots = 16;
    using Slots = std::array<std::atomic<int>, slots>;  // -1: held exclusively; else how often it is shared

    Worker(RangeLock& lock, Slots& held, uint32_t seed) : lock_(lock), held_(held), random_(seed) {}

    void begin(int rounds) {
        rounds_ = rounds;
        for (auto& range : ranges_) {
            range.owner = this;
            range.granted = [](Range& self) { hold(static_cast<Owned&>(self)); };
        }
        for (auto& range : ranges_)
            next(range);
    }

    std::future<void> done() { return done_.get_future(); }
    bool failed() const { return failed_; }

private:
    struct Owned : Range {
        Worker* owner = nullptr;
    };

    void next(Owned& range) {
        if (rounds_-- <= 0) {
            if (--active_ == 0) done_.set_value();
            return;
        }
        range.first = random_() % slots;
        range.end = range.first + 1 + random_() % (slots - range.first);
        range.mode = random_() % 3 == 0 ? Mode::exclusive : Mode::shared;
        if (lock_.lock(range)) hold(range);
    }

    static void hold(Owned& range) {
        Worker& self = *range.owner;
        for (uint64_t i = range.first; i < range.end; ++i) {
            const int before =
                range.mode == Mode::exclusive ? self.held_[i].fetch_sub(1) : self.held_[i].fetch_add(1);
            if (range.mode == Mode::exclusive ? before != 0 : before < 0) self.failed_ = true;
        }
        bdk_thread_send_msg(
            bdk_get_thread(), [](void* ctx) { give_back(*static_cast<Owned*>(ctx)); }, &range);
    }

    static void give_back(Owned& range) {
        Worker& self = *range.owner;
        for (uint64_t i = range.first; i < range.end; ++i) {
            self.held_[i].fetch_add(range.mode == Mode::exclusive ? 1 : -1);
        }
        self.lock_.unlock(range);
        self.next(range);
    }

    RangeLock& lock_;
    Slots& held_;
    std::mt19937 random_;
    std::array<Owned, 8> ranges_;
    size_t active_ = ranges_.size();
    int rounds_ = 0;
    bool failed_ = false;
    std::promise<void> done_;
};

TEST_F(NbdRangeLock, HoldsUnderConcurrency) {
    Worker::Slots held{};
    std::array<std::unique_ptr<Worker>, 2> workers;
    std::array<bdk_thread*, 2> threads{};
    for (uint32_t i = 0; i < workers.size(); ++i) {
        workers[i] = std::make_unique<Worker>(lock, held, i + 1);
        threads[i] = bdk_thread_create(nullptr, nullptr, 0);
        ASSERT_NE(threads[i], nullptr);
    }
    for (uint32_t i = 0; i < workers.size(); ++i) {
        bdk::testing::run_on(threads[i], [&] { workers[i]->begin(20000); });
    }
    for (uint32_t i = 0; i < workers.size(); ++i) {
        workers[i]->done().get();
        EXPECT_FALSE(workers[i]->failed());
    }
    for (auto* thread : threads)
        bdk_thread_send_msg(
            thread, [](void*) { bdk_thread_exit(); }, nullptr);
    for (const auto& slot : held)
        EXPECT_EQ(slot.load(), 0);
}

}  // namespace
}  // namespace bdevkit::host::nbd
