// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/io_channel.h>
#include <bdevkit/poller.h>

#include <atomic>
#include <thread>

#include "log/violation.hpp"
#include "support/host_test.hpp"
#include "support/log_capture.hpp"
#include "thread/thread.hpp"

namespace bdk::test {
namespace {

class ThreadExitTest : public HostTest {
protected:
    static constexpr uint64_t second_ns = 1'000'000'000;

    void TearDown() override {
        set_exit_timeout(5 * second_ns);
        HostTest::TearDown();
    }
    static void wait_until_gone(uint64_t id) {
        while (bdk_thread_get_by_id(id) != nullptr)
            std::this_thread::yield();
    }
};

TEST_F(ThreadExitTest, WaitsForPollersAndChannelsAndSaysSo) {
    bdk_thread* thread = new_thread("worker");
    const uint64_t id = bdk_thread_get_id(thread);
    int device = 0;
    bdk_poller* poller = nullptr;
    bdk_io_channel* ch = nullptr;
    on_app([&] { ASSERT_EQ(0, bdk_io_device_register(&device, nullptr, nullptr, 0, "disk")); });
    const LogCapture log;
    call_on(thread, [&] {
        poller = bdk_poller_register([](void*) { return BDK_POLLER_IDLE; }, nullptr, 0, "sweeper");
        ch = bdk_get_io_channel(&device);
        EXPECT_EQ(0, bdk_thread_exit());
    });
    while (!log.contains(
        "thread 'worker' is exiting and waits for 1 poller(s): 'sweeper'; 1 io_channel(s): 'disk'")) {
        std::this_thread::yield();
    }
    EXPECT_EQ(bdk_thread_get_by_id(id), thread) << "it still runs";
    call_on(thread, [&] {
        bdk_poller_unregister(&poller);
        bdk_put_io_channel(ch);
    });
    wait_until_gone(id);
    on_app([&] { ASSERT_EQ(0, bdk_io_device_unregister(&device, nullptr)); });
    settle(app());
}

TEST_F(ThreadExitTest, WaitsForTheEndOfWhatItHasStarted) {
    bdk_thread* thread = new_thread("worker");
    const uint64_t id = bdk_thread_get_id(thread);
    struct Context {
        std::atomic<int> unregistered{0};
        std::atomic<int> walked{0};
    };
    static Context context;
    call_on(thread, [&] {
        ASSERT_EQ(0, bdk_io_device_register(&context, nullptr, nullptr, 0, "disk"));
        bdk_for_each_channel(
            &context, [](bdk_io_channel_iter*) {}, nullptr,
            [](bdk_io_channel_iter*, int) { ++context.walked; });
        bdk_for_each_thread([](void*) {}, nullptr, [](void*) { ++context.walked; });
        ASSERT_EQ(0, bdk_io_device_unregister(&context, [](void*) { ++context.unregistered; }));
        EXPECT_EQ(0, bdk_thread_exit());
    });
    wait_until_gone(id);
    EXPECT_EQ(context.unregistered, 1);
    EXPECT_EQ(context.walked, 2);
}

TEST_F(ThreadExitTest, AfterItsTimeItIsLetGoAndTheLeftoversAreNamed) {
    set_exit_timeout(second_ns / 4);
    bdk_thread* thread = new_thread("stubborn");
    const uint64_t id = bdk_thread_get_id(thread);
    static std::atomic<int> destroyed;
    static std::atomic<int> unregistered;
    destroyed = 0;
    unregistered = 0;
    static int device;
    bdk_io_channel* ch = nullptr;
    on_app([&] {
        ASSERT_EQ(0, bdk_io_device_register(
                         &device, nullptr, [](void*, void*) { ++destroyed; }, 8, "disk"));
    });
    const LogCapture log;
    call_on(thread, [&] {
        bdk_poller_register([](void*) { return BDK_POLLER_IDLE; }, nullptr, 1000, "forgotten");
        bdk_interrupt_register(
            0, BDK_INTERRUPT_OUT, [](uint32_t, void*) { return BDK_POLLER_IDLE; }, nullptr, "stdin");
        ch = bdk_get_io_channel(&device);
        EXPECT_EQ(0, bdk_thread_exit());
    });
    wait_until_gone(id);
    EXPECT_TRUE(log.contains("thread 'stubborn' exits although it still has 1 poller(s): 'forgotten'"))
        << log.text();
    EXPECT_TRUE(log.contains("1 io_channel(s): 'disk'")) << log.text();
    EXPECT_EQ(destroyed, 1) << "the channel's resources are released all the same";
    // The guilty module puts its channel after all: found, and harmless.
    bdk_put_io_channel(ch);
    EXPECT_TRUE(log.contains("rule 4 broken: bdk_put_io_channel() outside a bdk thread")) << log.text();
    on_app([&] { ASSERT_EQ(0, bdk_io_device_unregister(&device, [](void*) { ++unregistered; })); });
    while (unregistered == 0)
        std::this_thread::yield();
}

TEST_F(ThreadExitTest, TheCallbackOfAnUnregistrationFindsAnotherThreadWhenItsOwnIsGone) {
    set_exit_timeout(second_ns / 4);
    bdk_thread* thread = new_thread("stubborn");
    const uint64_t id = bdk_thread_get_id(thread);
    static std::atomic<const bdk_thread*> told_on;
    told_on = nullptr;
    static int device;
    bdk_io_channel* ch = nullptr;
    on_app([&] {
        ASSERT_EQ(0, bdk_io_device_register(&device, nullptr, nullptr, 8, "disk"));
        ch = bdk_get_io_channel(&device);
    });
    const LogCapture log;
    call_on(thread, [&] {
        ASSERT_EQ(0, bdk_io_device_unregister(&device, [](void*) { told_on = bdk_get_thread(); }));
        EXPECT_EQ(0, bdk_thread_exit());
    });
    wait_until_gone(id);
    EXPECT_TRUE(log.contains("1 unregistration(s) under way")) << log.text();
    on_app([&] { bdk_put_io_channel(ch); });
    while (told_on == nullptr)
        std::this_thread::yield();
    EXPECT_EQ(told_on, app());
}

TEST_F(ThreadExitTest, AThreadMayCreateAnotherOnItsWayOut) {
    bdk_thread* thread = new_thread("parent");
    call_on(thread, [] {
        bdk_thread_exit();
        bdk_thread* child = bdk_thread_create("child", nullptr, 0);
        ASSERT_NE(child, nullptr);
        bdk_thread_send_msg(
            child, [](void*) { bdk_thread_exit(); }, nullptr);
    });
    while (bdk_thread_get_count() != 1)
        std::this_thread::yield();
}

}  // namespace
}  // namespace bdk::test
