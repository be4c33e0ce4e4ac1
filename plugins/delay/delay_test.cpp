// SPDX-License-Identifier: BSD-3-Clause
// The behaviour of delay; `scripts/bench delay` measures its accuracy.
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <optional>

#include "support/client.hpp"
#include "support/kept_writes.hpp"
#include "support/load.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Io;
using bdevkit::IoStatus;
using Clock = std::chrono::steady_clock;

constexpr uint64_t us = 1000, ms = 1000 * us, minute = 60'000 * ms;

class DelayModule : public testing::Test {
protected:
    DelayModule() {
        TestDisk::configure() = nullptr;
        host.load("delay");
        EXPECT_EQ(host.add(&test_disk_module), 0);
        EXPECT_EQ(host.create("test_disk", "base", {}), 0);
    }

    int make(GivenOptions options) {
        options.emplace_back("base", "base");
        return host.create("delay", "slow", options);
    }
    int change(GivenOptions options) {
        options.emplace_back("base", "base");
        return host.reconfigure("slow", options);
    }

    template <class Fn>
    static uint64_t duration_ns(Fn fn) {
        const auto begin = Clock::now();
        fn();
        return uint64_t(std::chrono::nanoseconds(Clock::now() - begin).count());
    }

    TestHost host;
};

TEST_F(DelayModule, NoIoEndsBeforeItsTime) {
    ASSERT_EQ(make({{"avg_read", 3 * ms},
                    {"avg_write", 5 * ms},
                    {"avg_unmap", 4 * ms},
                    {"avg_flush", 2 * ms},
                    {"avg_other", 6 * ms}}),
              0);
    Client client("slow", Access::write);
    EXPECT_GE(duration_ns([&] { EXPECT_TRUE(client.write(3, pattern(512)).ok()); }), 5 * ms);
    EXPECT_GE(duration_ns([&] { EXPECT_EQ(client.read(3, 1), pattern(512)); }), 3 * ms);
    EXPECT_GE(duration_ns([&] { EXPECT_TRUE(client.unmap(3, 1).ok()); }), 4 * ms);
    EXPECT_GE(duration_ns([&] { EXPECT_TRUE(client.write_zeroes(3, 1).ok()); }), 4 * ms);
    EXPECT_GE(duration_ns([&] { EXPECT_TRUE(client.flush(3, 1).ok()); }), 2 * ms);
    EXPECT_GE(duration_ns([&] { EXPECT_TRUE(client.compare(3, pattern(512)).ok()); }), 6 * ms);
}

TEST_F(DelayModule, OneIoOfSixtyFourTakesThe99thPercentile) {
    ASSERT_EQ(make({{"avg_read", 100 * us}, {"p99_read", 3 * ms}}), 0);
    Client client("slow", Access::read);
    Load warm_up(client, 1, 62);  // 63 in all
    EXPECT_TRUE(warm_up.wait().ok());
    EXPECT_GE(duration_ns([&] { EXPECT_TRUE(client.try_read(0, 1).ok()); }), 3 * ms);
}

TEST_F(DelayModule, IoEndsInTheOrderOfItsTimes) {
    ASSERT_EQ(make({{"avg_read", 20 * ms}, {"avg_write", 1 * ms}}), 0);
    Client client("slow", Access::write);
    std::vector<std::byte> data(512);
    Awaited<IoResult> read = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_read_blocks(desc, ch, data.data(), 0, 1, nullptr, cb, arg);
    });
    EXPECT_TRUE(client.write(1, pattern(512)).ok()) << "a later and shorter one is not held up";
    EXPECT_TRUE(read.get().ok());
}

TEST_F(DelayModule, HandsTheBasesStatusUp) {
    ASSERT_EQ(make({{"avg_read", 1 * ms}}), 0);
    call_on_app_thread([] { TestDisk::named("base").on_submit = [](Io io) { io.complete_errno(-ENOSPC); }; });
    Client client("slow", Access::read);
    EXPECT_EQ(client.try_read(0, 1).aio_errno, -ENOSPC);
}

TEST_F(DelayModule, RefusesADistributionThatCannotBe) {
    EXPECT_EQ(make({{"avg_read", 10 * us}, {"p99_read", 9 * us}}), -EINVAL);
    EXPECT_EQ(make({{"avg_read", 10 * us}, {"p99_read", 321 * us}}), -EINVAL);
    EXPECT_EQ(make({{"p99_read", 1 * us}}), -EINVAL);
    EXPECT_EQ(make({{"avg_read", 61 * minute}}), -EINVAL);
    ASSERT_EQ(make({{"avg_read", 10 * us}, {"p99_read", 320 * us}}), 0);
    EXPECT_EQ(change({{"avg_read", 10 * us}, {"p99_read", 9 * us}}), -EINVAL);
}

TEST_F(DelayModule, ChangesWhileInUse) {
    ASSERT_EQ(make({{"avg_read", 1 * minute}}), 0);
    Client client("slow", Access::read);
    ASSERT_EQ(change({{"avg_read", 4 * ms}}), 0);
    EXPECT_GE(duration_ns([&] { EXPECT_TRUE(client.try_read(0, 1).ok()); }), 4 * ms);
    Client late("slow", Access::read, host.new_thread("late"));
    EXPECT_TRUE(late.try_read(0, 1).ok()) << "a channel made afterwards has the new times too";
    ASSERT_EQ(change({}), 0);
    EXPECT_TRUE(client.try_read(0, 1).ok());
}

TEST_F(DelayModule, SleepsWhileIoWaits) {
    ASSERT_EQ(make({{"avg_read", 300 * ms}}), 0);
    Client client("slow", Access::read);
    const auto cpu_ns = [] {
        timespec time{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return uint64_t(time.tv_sec) * 1000 * ms + uint64_t(time.tv_nsec);
    };
    const uint64_t before = cpu_ns();
    EXPECT_TRUE(client.try_read(0, 1).ok());
    EXPECT_LT(cpu_ns() - before, 150 * ms) << "whoever polls takes all of the 300";
}

class DelayedIo : public DelayModule {
protected:
    DelayedIo() {
        EXPECT_EQ(make({{"avg_write", 10 * minute}}), 0);
        writes.emplace("slow");
    }

    std::optional<KeptWrites> writes;
};

TEST_F(DelayedIo, EndsByAbort) {
    writes->expect_end_by_abort();
}

TEST_F(DelayedIo, EndsByReset) {
    EXPECT_TRUE(writes->client.reset().ok());
    writes->expect_all(BDK_BDEV_IO_STATUS_ABORTED);
}

TEST_F(DelayedIo, DoesNotHoldUpRemoval) {
    EXPECT_EQ(host.remove("slow"), 0);
    writes->expect_all(BDK_BDEV_IO_STATUS_SUCCESS);
}

TEST_F(DelayedIo, DoesNotHoldUpRemovalOfTheBase) {
    EXPECT_EQ(host.remove("base"), 0);
    writes->expect_all(BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_FALSE(host.exists("slow"));
}

TEST(DelayModuleUnderLoad, ChangesAndGoesWhileThreadsDoIo) {
    TestHost host(test_runtime_options_with_reactors(2));
    for (const char* module : {"null", "delay"})
        host.load(module);
    bdk_thread* threads[] = {host.new_thread("first", 0), host.new_thread("second", 1)};
    for (int round = 0; round < 10; round++) {
        ASSERT_EQ(host.create("null", "disk", {{"size", 1 << 20}}), 0);
        ASSERT_EQ(host.create("delay", "slow", {{"base", "disk"}, {"avg_read", 20 * us}}), 0);
        Client first("slow", Access::write, threads[0]), second("slow", Access::write, threads[1]);
        Load one(first, 16, UINT64_MAX), two(second, 16, UINT64_MAX);
        for (uint64_t change = 0; change < 10; change++)
            ASSERT_EQ(host.reconfigure("slow", {{"base", "disk"}, {"avg_read", change % 3 * 100 * us}}), 0);
        ASSERT_EQ(host.remove(round % 2 == 0 ? "disk" : "slow"), 0);
        EXPECT_EQ(one.wait().rc, -ENODEV);
        EXPECT_EQ(two.wait().rc, -ENODEV);
        if (host.exists("disk")) {
            ASSERT_EQ(host.remove("disk"), 0);
        }
    }
}

}  // namespace
}  // namespace bdk::test
