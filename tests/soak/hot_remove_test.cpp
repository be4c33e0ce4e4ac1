// SPDX-License-Identifier: BSD-3-Clause
// bdevs at random levels of random stacks are removed and created again while four threads on two reactors do
// I/O on all of them: no crash, no lost completion, no leak. BDEVKIT_SOAK_ROUNDS (200) and BDEVKIT_SOAK_SEED.
#include <bdevkit/bdev.h>
#include <bdevkit/bdev_module.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "log/violation.hpp"
#include "soak/allocations.hpp"
#include "soak/flaky_disk.hpp"
#include "soak/live_objects.hpp"
#include "soak/soak_worker.hpp"
#include "soak/tower.hpp"

namespace bdk::test {
namespace {

constexpr size_t worker_count = 4;
constexpr size_t tower_count = 3;
constexpr size_t highest = 11;  ///< beyond the frames of a bdev_io
constexpr uint64_t ios_before_removal = 100;
constexpr uint64_t rounds_between_leak_checks = 50;
constexpr std::chrono::seconds patience{100};
/// Allocations from the middle of the run to its end: each bdev_io keeps its list of pieces for its next use,
/// and there come to be more bdev_ios now and then. A leak of one object every ten rounds shows in 10,000
/// rounds, and AddressSanitizer finds every one.
constexpr int64_t tolerated_growth = 700;

class HotRemove : public testing::Test {
protected:
    HotRemove() : host(test_runtime_options_with_reactors(2)), seed(soak_seed()), random(seed) {
        std::printf("BDEVKIT_SOAK_SEED=%lu\n", static_cast<unsigned long>(seed));
        std::fflush(stdout);
        for (const char* module : {"malloc", "null", "passthru", "readonly", "crypto", "delay", "error",
                                   "gpt", "split", "trace", "uring", XOR_PLUGIN})
            host.load(module);
        EXPECT_EQ(host.add(&flaky_disk_module), 0);
        for (size_t i = 0; i < tower_count; i++)
            towers.push_back(std::make_unique<Tower>(host, i, 1 + random.below(i == 0 ? highest : 4)));
        for (size_t i = 0; i < worker_count; i++) {
            const std::string name = "soak" + std::to_string(i);
            workers.push_back(std::make_unique<SoakWorker>(host.new_thread(name.c_str(), int(i)), towers,
                                                           random.below(UINT64_MAX)));
        }
    }
    void build_all() {
        for (auto& tower : towers)
            build(*tower);
    }

    void build(Tower& tower) {
        tower.forbid_writers(true);
        while (tower.standing() < tower.height()) {
            for (auto& worker : workers)
                worker->revoke_writers(tower);
            const int rc = tower.build_next(random);
            // A writer's desc is there until its last I/O has completed.
            ASSERT_TRUE(rc == 0 || rc == -EPERM || rc == -EBUSY)
                << tower.name(tower.standing()) << ": " << rc;
        }
        tower.forbid_writers(false);
    }

    /// Starts the removal of a level, as the host does it or as a module does.
    Awaited<int> start_removal(Tower& tower, size_t level) {
        Awaited<int> gone;
        if (random.one_in(2)) {
            host.start_remove(tower.name(level), gone.setter());
            return gone;
        }
        call_on_app_thread([&] {
            auto* done = new std::function<void(int)>(gone.setter());
            auto ended = [](int rc, void* ctx) {
                const std::unique_ptr<std::function<void(int)>> set(
                    static_cast<std::function<void(int)>*>(ctx));
                (*set)(rc);
            };
            bdk_bdev* bdev = bdk_bdev_get_by_name(tower.name(level).c_str());
            if (bdev == nullptr) return ended(-ENODEV, done);
            bdk_bdev_unregister(bdev, ended, done);
        });
        return gone;
    }

    /// Returns when each worker has submitted some more I/O.
    void wait_for_load() {
        for (auto& worker : workers) {
            const uint64_t before = worker->counts().submitted;
            while (worker->counts().submitted < before + ios_before_removal)
                std::this_thread::yield();
        }
    }

    /// Removes one or two levels at once, while I/O runs.
    void remove_some() {
        std::vector<Awaited<int>> removals;
        const uint64_t count = random.one_in(3) ? 2 : 1;
        for (uint64_t i = 0; i < count; i++) {
            Tower& tower = *towers[random.below(towers.size())];
            const size_t level = random.below(tower.height());
            removals.push_back(start_removal(tower, level));
            tower.falls_to(level);
        }
        for (auto& removal : removals) {
            const int rc = wait_for(removal, "a removal");
            // Two threads may want the same bdev, or a bdev that stands on it.
            EXPECT_TRUE(rc == 0 || (count == 2 && (rc == -EBUSY || rc == -ENODEV))) << rc;
        }
    }

    void check_bdevs() {
        std::set<std::string> expected, found;
        for (const auto& tower : towers)
            for (size_t level = 0; level < tower->standing(); level++)
                expected.insert(tower->name(level));
        auto add = [](bdk_bdev* bdev, void* ctx) {
            static_cast<std::set<std::string>*>(ctx)->emplace(bdk_bdev_get_name(bdev));
            return 0;
        };
        call_on_app_thread([&] { bdk_for_each_bdev(add, &found); });
        EXPECT_EQ(found, expected);
    }

    /// Returns its result. If it does not come, reports what is under way and ends the program.
    template <class T>
    T wait_for(Awaited<T>& awaited, const char* what) {
        if (awaited.comes_within(patience)) return awaited.get();
        std::fprintf(stderr, "%s does not end\n", what);
        for (auto& worker : workers)
            std::fputs(ios_of(worker->thread()).c_str(), stderr);
        std::fputs(ios_of(bdk_thread_get_app_thread()).c_str(), stderr);
        std::abort();
    }

    /// Every I/O that was submitted has completed, once, and was given back.
    void check_ios() {
        std::vector<Awaited<bool>> drains;
        for (auto& worker : workers)
            drains.push_back(worker->drain());
        for (auto& drain : drains)
            wait_for(drain, "an I/O");
        for (auto& worker : workers) {
            const SoakCounts counts = worker->counts();
            EXPECT_EQ(counts.submitted, counts.completed);
            EXPECT_EQ(worker->in_flight(), 0u);
            EXPECT_EQ(objects_of(worker->thread()).ios, 0u);
        }
    }

    /// Closes and removes everything: then there is nothing left, and no more memory in use than ever.
    void check_leaks() {
        std::vector<Awaited<bool>> closings;
        for (auto& worker : workers)
            closings.push_back(worker->close_all());
        for (auto& closing : closings)
            wait_for(closing, "a close");
        for (auto& tower : towers) {
            if (tower->standing() == 0) continue;
            auto removal = start_removal(*tower, 0);
            EXPECT_EQ(wait_for(removal, "a removal"), 0);
            tower->falls_to(0);
        }
        check_bdevs();
        for (auto& worker : workers) {
            while (objects_of(worker->thread()).channels != 0)
                settle(worker->thread());
            EXPECT_EQ(objects_of(worker->thread()).ios, 0u);
            EXPECT_EQ(objects_of(worker->thread()).waiting, 0u);
        }
        settle(bdk_thread_get_app_thread());
        live.push_back(live_allocations());
    }

    void go_on() {
        for (auto& worker : workers)
            worker->go_on();
    }

    LeftBehind log;  // opens and claims that are refused are part of the game, and logged
    TestHost host;
    const uint64_t seed;
    SoakRandom random;
    std::vector<std::unique_ptr<Tower>> towers;
    std::vector<std::unique_ptr<SoakWorker>> workers;
    std::vector<int64_t> live;  ///< allocations at each leak check
};

TEST_F(HotRemove, UnderLoadLosesNothing) {
    const uint64_t rounds = soak_rounds(200);
    const uint64_t violations = violation_count();
    build_all();
    for (uint64_t round = 1; round <= rounds && !HasFailure(); round++) {
        wait_for_load();
        remove_some();
        check_ios();
        check_bdevs();
        if (round % rounds_between_leak_checks == 0) check_leaks();
        go_on();
        build_all();
    }
    check_leaks();
    EXPECT_EQ(violation_count(), violations);
    EXPECT_EQ(LeftBehind::count(), 0u);

    SoakCounts sum;
    for (auto& worker : workers) {
        const SoakCounts counts = worker->counts();
        sum.completed += counts.completed;
        sum.succeeded += counts.succeeded;
        sum.refused += counts.refused;
        sum.opened += counts.opened;
        sum.removals_seen += counts.removals_seen;
    }
    std::printf(
        "%lu rounds: %lu I/Os, %lu of them with success, %lu refused; %lu opens, %lu removals under an open "
        "desc\n",
        rounds, sum.completed, sum.succeeded, sum.refused, sum.opened, sum.removals_seen);
    EXPECT_GT(sum.succeeded, sum.completed / 2);
    EXPECT_GT(sum.removals_seen, rounds / 4) << "bdevs went while they were in use";
    EXPECT_LE(live.back(), live.at(live.size() / 2) + tolerated_growth)
        << "memory in use at each check: " << testing::PrintToString(live);
}

}  // namespace
}  // namespace bdk::test
