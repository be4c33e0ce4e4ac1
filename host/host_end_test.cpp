// SPDX-License-Identifier: BSD-3-Clause
// A host whose stop makes no progress, and threads that use it meanwhile.
#include <gtest/gtest.h>

#include <future>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "bdev_locks.hpp"
#include "callers.hpp"
#include "stop_limit.hpp"
#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdevkit::host {
namespace {

using bdk::test::Access;
using bdk::test::Awaited;
using bdk::test::Client;
using bdk::test::IoResult;
using bdk::test::RawDisk;
using bdk::test::TestHost;
using std::chrono::milliseconds;
using std::chrono::seconds;

class StopLimitTest : public testing::Test {
protected:
    StopLimitTest() {
        host.add(&bdk::test::raw_disk_module);
        bdk::call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    }

    static Awaited<IoResult> start_write(Client& client) {
        return client.start([](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 1, nullptr, cb, arg);
        });
    }

    StopLimit::Stuck tell() {
        return [set = stuck.setter()](const std::vector<std::string>& waits) { set(waits); };
    }

    RawDisk disk{"disk"};
    TestHost host;
    Awaited<std::vector<std::string>> stuck;
};

TEST_F(StopLimitTest, NamesAnIoThatDoesNotEnd) {
    Client client("disk", Access::write);
    bdk::call_on_app_thread([&] { disk.hold = true; });
    auto write = start_write(client);
    const StopLimit limit(milliseconds(200), tell());
    const std::vector<std::string> waits = stuck.get();
    ASSERT_EQ(waits.size(), 1u);
    EXPECT_NE(waits[0].find("a write_zeroes has been outstanding for"), std::string::npos) << waits[0];
    EXPECT_NE(waits[0].find("bdev 'disk' (module 'raw_disk')"), std::string::npos) << waits[0];
    bdk::call_on_app_thread([&] { disk.release(); });
    EXPECT_TRUE(write.get().ok());
}

TEST_F(StopLimitTest, NamesARemovalThatDoesNotEnd) {
    Client client("disk", Access::read);
    client.on_remove([](Client&) {});
    Awaited<int> removed;
    host.start_remove("disk", removed.setter());
    const StopLimit limit(milliseconds(200), tell());
    const std::vector<std::string> waits = stuck.get();
    ASSERT_EQ(waits.size(), 1u);
    EXPECT_NE(waits[0].find("removal of bdev 'disk' has not ended"), std::string::npos) << waits[0];
    client.close();
    EXPECT_EQ(removed.get(), 0);
}

TEST_F(StopLimitTest, EndsWhatTheCoreHasHeldForLong) {
    Client client("disk", Access::write);
    bdk::call_on_app_thread([&] { disk.nomem_answers = std::numeric_limits<int>::max(); });
    auto write = start_write(client);
    const StopLimit limit(milliseconds(200), tell());
    ASSERT_TRUE(write.comes_within(seconds(60)));
    EXPECT_EQ(write.get().status, BDK_BDEV_IO_STATUS_ABORTED);
}

TEST(BdevLocksTest, ChangesOfDifferentBdevsDoNotWaitForEachOther) {
    BdevLocks locks;
    std::future<bool> second;
    {
        const BdevLocks::Held first = locks.hold("disk");
        EXPECT_TRUE(first);
        EXPECT_TRUE(locks.hold("other"));
        second = std::async(std::launch::async, [&] { return bool(locks.hold("disk")); });
        EXPECT_EQ(second.wait_for(milliseconds(50)), std::future_status::timeout);
    }
    EXPECT_TRUE(second.get()) << "the first change has ended";
}

TEST(BdevLocksTest, TheEndSendsThoseAwayThatWait) {
    BdevLocks locks;
    const BdevLocks::Held first = locks.hold("disk");
    auto second = std::async(std::launch::async, [&] { return bool(locks.hold("disk")); });
    locks.end();
    EXPECT_FALSE(second.get());
    EXPECT_FALSE(locks.hold("other"));
}

TEST(CallersTest, TheEndRefusesNewOnesAndWaitsForThoseInside) {
    Callers callers;
    std::future<void> gone;
    {
        const Callers::Inside inside = callers.enter();
        EXPECT_TRUE(inside);
        callers.refuse();
        EXPECT_FALSE(callers.enter());
        gone = std::async(std::launch::async, [&] { callers.wait_until_gone(); });
        EXPECT_EQ(gone.wait_for(milliseconds(50)), std::future_status::timeout);
    }
    gone.get();
}

}  // namespace
}  // namespace bdevkit::host
