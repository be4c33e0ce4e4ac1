// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class Reset : public testing::Test {
protected:
    Reset() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    }

    static Client::Submit write_zeroes(uint64_t block) {
        return [=](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, block, 1, nullptr, cb, arg);
        };
    }
    static Client::Submit reset() {
        return [](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
            return bdk_bdev_reset(desc, ch, nullptr, cb, arg);
        };
    }

    void hold(bool on) {
        call_on_app_thread([&] { disk.hold = on; });
    }

    RawDisk disk{"disk"};
    TestHost host;
};

TEST_F(Reset, IoThatComesMeanwhileWaitsForItsEnd) {
    Client client("disk", Access::write);
    hold(true);
    auto resetting = client.start(reset());
    settle(bdk_thread_get_app_thread());
    auto write = client.start(write_zeroes(0));
    settle(bdk_thread_get_app_thread());
    EXPECT_EQ(disk.seen, std::vector<uint32_t>{BDK_BDEV_IO_TYPE_RESET});
    EXPECT_FALSE(write.is_ready());
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(resetting.get().ok());
    EXPECT_TRUE(write.get().ok());
}

TEST_F(Reset, FreezesTheChannelsOfOtherThreadsToo) {
    bdk_thread* other = host.new_thread("other");
    Client here("disk", Access::write);
    Client there("disk", Access::write, other);
    hold(true);
    auto resetting = here.start(reset());
    // Once the module has it, every channel has stopped.
    bool with_module = false;
    while (!with_module)
        call_on_app_thread([&] { with_module = !disk.held.empty(); });
    auto write = there.start(write_zeroes(0));
    settle(other);
    EXPECT_FALSE(write.is_ready());
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(resetting.get().ok());
    EXPECT_TRUE(write.get().ok());
}

TEST_F(Reset, ChannelMadeDuringAResetIsFrozen) {
    Client client("disk", Access::write);
    hold(true);
    auto resetting = client.start(reset());
    settle(bdk_thread_get_app_thread());
    Client late("disk", Access::write);
    auto write = late.start(write_zeroes(0));
    settle(bdk_thread_get_app_thread());
    EXPECT_FALSE(write.is_ready());
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(resetting.get().ok());
    EXPECT_TRUE(write.get().ok());
}

TEST(ResetOnTwoReactors, ChannelMadeWhileTheChannelsGoOnIsNotFrozen) {
    RawDisk disk("disk");
    TestHost host(test_runtime_options_with_reactors(2));
    host.add(&raw_disk_module);
    call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    bdk_thread* other = host.new_thread("other", 1);
    Client here("disk", Access::write), there("disk", Access::write, other);
    call_on_app_thread([&] { disk.hold = true; });
    auto resetting = here.start(
        [](auto* desc, auto* ch, auto cb, void* arg) { return bdk_bdev_reset(desc, ch, nullptr, cb, arg); });
    bool with_module = false;
    while (!with_module)
        call_on_app_thread([&] { with_module = !disk.held.empty(); });
    // The app thread's channels continue, then the other thread's, which is not yet ready for that.
    Awaited<bool> holds_up, go_on;
    post(other, [&, set = holds_up.setter()] {
        set(true);
        go_on.get();
    });
    holds_up.get();
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    settle(bdk_thread_get_app_thread());
    Client late("disk", Access::write);
    go_on.setter()(true);
    EXPECT_TRUE(resetting.get().ok());
    EXPECT_TRUE(late.write_zeroes(0, 1).ok());
}

TEST_F(Reset, ResetsQueue) {
    bdk_thread* other = host.new_thread("other");
    Client here("disk", Access::write);
    Client there("disk", Access::write, other);
    hold(true);
    auto first = here.start(reset());
    bool with_module = false;
    while (!with_module)
        call_on_app_thread([&] { with_module = !disk.held.empty(); });
    auto second = there.start(reset());
    auto third = here.start(reset());
    settle(other);
    EXPECT_EQ(disk.seen.size(), 1u);
    // The second reset runs on the other thread: stop holding before it gets there.
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(first.get().ok());
    EXPECT_TRUE(second.get().ok());
    EXPECT_TRUE(third.get().ok());
    EXPECT_EQ(disk.seen.size(), 3u);
}

TEST_F(Reset, AbortsWhatWaitsForMemory) {
    Client client("disk", Access::write);
    hold(true);
    auto in_flight = client.start(write_zeroes(0));
    settle(bdk_thread_get_app_thread());
    call_on_app_thread([&] { disk.nomem_answers = 1; });
    auto waiting = client.start(write_zeroes(1));
    settle(bdk_thread_get_app_thread());
    auto resetting = client.start(reset());
    EXPECT_EQ(waiting.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(resetting.get().ok());
    EXPECT_TRUE(in_flight.get().ok());
}

TEST_F(Reset, GoesDownThroughForwardingLayers) {
    RawLayer middle("middle", "disk");
    RawLayer top("top", "middle");
    call_on_app_thread([&] {
        ASSERT_EQ(middle.add(), 0);
        ASSERT_EQ(top.add(), 0);
    });
    {
        Client client("top", Access::write);
        EXPECT_TRUE(client.reset().ok());
        EXPECT_TRUE(client.write(0, pattern(512)).ok()) << "every layer goes on afterwards";
    }
    EXPECT_EQ(disk.seen, (std::vector<uint32_t>{BDK_BDEV_IO_TYPE_RESET, BDK_BDEV_IO_TYPE_WRITE}));
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(Reset, FailureIsTheCallersToo) {
    Client client("disk", Access::write);
    hold(true);
    auto resetting = client.start(reset());
    settle(bdk_thread_get_app_thread());
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release(BDK_BDEV_IO_STATUS_FAILED);
    });
    EXPECT_EQ(resetting.get().status, BDK_BDEV_IO_STATUS_FAILED);
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
}

}  // namespace
}  // namespace bdk::test
