// SPDX-License-Identifier: BSD-3-Clause
#include "diag/watchdog.hpp"

#include <bdevkit/io_channel.h>
#include <bdevkit/poller.h>

#include <sched.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "support/host_test.hpp"
#include "support/log_capture.hpp"

namespace bdk::test {
namespace {

class WatchdogTest : public HostTest {
protected:
    WatchdogTest() { options_.blocked_limit = std::chrono::milliseconds(20); }

    static void wait_for_report(const LogCapture& log, std::string_view part) {
        while (!log.contains(part))
            std::this_thread::yield();
    }
};

__attribute__((noinline)) void blocks_until(std::atomic<bool>* released) {
    while (!*released)
        std::this_thread::yield();
}

std::atomic<bool> g_released;

TEST_F(WatchdogTest, NamesThePollerThatBlocksItsReactorWithABacktrace) {
    const LogCapture log;
    g_released = false;
    bdk_poller* poller = nullptr;
    on_app([&] {
        poller = bdk_poller_register(
            [](void*) {
                blocks_until(&g_released);
                return BDK_POLLER_IDLE;
            },
            nullptr, 0, "sweeper");
    });
    wait_for_report(
        log,
        " ms by poller 'sweeper' of watchdog_test on thread 'app' (rule 5: code on a reactor must "
        "not block)");
    EXPECT_TRUE(log.contains("the reactor of core 0 is held for")) << log.text();
    EXPECT_TRUE(log.contains(" watchdog_test(+0x")) << log.text();
    EXPECT_TRUE(log.contains("libbdevkit.so.1(bdk::Reactor::turn()+0x")) << log.text();
    EXPECT_FALSE(log.contains("rule 1")) << log.text();
    g_released = true;
    wait_for_report(log, "the reactor of core 0 goes on after about");
    on_app([&] { bdk_poller_unregister(&poller); });
}

TEST_F(WatchdogTest, NamesAMessageAndSeesThatItWaitsForItself) {
    const LogCapture log;
    g_released = false;
    bdk_thread_send_msg(
        app(),
        [](void*) {
            // Breaks rule 1: the message that would end the wait can only run afterwards.
            bdk_thread_send_msg(
                bdk_get_thread(), [](void*) { g_released = true; }, nullptr);
            static std::atomic<bool> never;
            never = false;
            std::jthread rescue([] {
                while (!g_released)
                    std::this_thread::yield();
                never = true;
            });
            blocks_until(&never);
        },
        nullptr);
    wait_for_report(log, "it waits for ever (rule 1)");
    EXPECT_TRUE(log.contains(" ms by message watchdog_test+0x")) << log.text();
    g_released = true;
    settle(app());
}

TEST_F(WatchdogTest, ReportsOneHoldOnce) {
    const LogCapture log;
    g_released = false;
    bdk_thread_send_msg(
        app(), [](void*) { blocks_until(&g_released); }, nullptr);
    const std::string report = " ms by message watchdog_test+0x";
    wait_for_report(log, report);
    const uint64_t now = bdk_get_time_ns();
    while (bdk_get_time_ns() - now < 100'000'000)
        std::this_thread::yield();
    const std::string text = log.text();
    EXPECT_EQ(text.find(report), text.rfind(report)) << text;
    g_released = true;
    settle(app());
}

TEST_F(WatchdogTest, SaysNothingAboutAHostThatIsIdleOrBusyWithShortCalls) {
    const LogCapture log;
    bdk_poller* poller = nullptr;
    on_app([&] { poller = bdk_poller_register([](void*) { return BDK_POLLER_BUSY; }, nullptr, 0, "busy"); });
    for (int i = 0; i < 1000; ++i)
        settle(app());
    on_app([&] { bdk_poller_unregister(&poller); });
    EXPECT_FALSE(log.contains("by poller 'busy'")) << log.text();
}

/// Starts a busy pthread with priority on the core of the calling pthread.
class CoreOfOthers {
public:
    CoreOfOthers() : core_(sched_getcpu()), busy_([this](const std::stop_token& stop) { spin(stop); }) {
        sched_getaffinity(0, sizeof(before_), &before_);
        pin(core_);
        const sched_param none{};
        sched_setscheduler(0, SCHED_IDLE, &none);
    }
    ~CoreOfOthers() {
        busy_.request_stop();
        sched_setaffinity(0, sizeof(before_), &before_);
    }

private:
    static void pin(int core) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        sched_setaffinity(0, sizeof(set), &set);
    }
    void spin(const std::stop_token& stop) const {
        pin(core_);
        while (!stop.stop_requested()) {
        }
    }

    const int core_;
    cpu_set_t before_{};
    std::jthread busy_;
};

TEST_F(WatchdogTest, SaysNothingWhenOthersHaveTheCore) {
    const LogCapture log;
    on_app([] {
        const CoreOfOthers others;
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(400);
        while (std::chrono::steady_clock::now() < end) {
        }
    });
    EXPECT_FALSE(log.contains("is held for")) << log.text();
}

TEST_F(WatchdogTest, NamesAWalkThatDoesNotGoOn) {
    const LogCapture log;
    static std::atomic<bdk_io_channel_iter*> held;
    held = nullptr;
    int device = 0;
    bdk_io_channel* ch = nullptr;
    on_app([&] {
        ASSERT_EQ(0, bdk_io_device_register(&device, nullptr, nullptr, 0, "disk"));
        ch = bdk_get_io_channel(&device);
        bdk_for_each_channel(
            &device, [](bdk_io_channel_iter* iter) { held = iter; }, nullptr, nullptr);
    });
    wait_for_report(log, "a walk over the io_channels of 'disk' waits for");
    EXPECT_TRUE(log.contains("for bdk_for_each_channel_continue() on thread 'app'")) << log.text();
    on_app([&] {
        bdk_for_each_channel_continue(held, 0);
        bdk_put_io_channel(ch);
        ASSERT_EQ(0, bdk_io_device_unregister(&device, nullptr));
    });
}

TEST_F(WatchdogTest, NamesAChannelThatHoldsUpAnUnregistration) {
    const LogCapture log;
    int device = 0;
    bdk_io_channel* ch = nullptr;
    on_app([&] {
        ASSERT_EQ(0, bdk_io_device_register(
                         &device, [](void*, void*) { return 0; }, nullptr, 0, "disk"));
        ch = bdk_get_io_channel(&device);
        ASSERT_EQ(0, bdk_io_device_unregister(&device, nullptr));
    });
    wait_for_report(log, "io_device 'disk' of watchdog_test was unregistered");
    EXPECT_TRUE(log.contains("waits for its io_channels on thread 'app' (" +
                             std::to_string(bdk_thread_get_id(app())) +
                             "): bdk_put_io_channel() is due there"))
        << log.text();
    on_app([&] { bdk_put_io_channel(ch); });
}

TEST_F(WatchdogTest, NamesAChannelsDestroyCallback) {
    const LogCapture log;
    g_released = false;
    int device = 0;
    on_app([&] {
        ASSERT_EQ(0, bdk_io_device_register(
                         &device, nullptr, [](void*, void*) { blocks_until(&g_released); }, 0, "disk"));
        bdk_put_io_channel(bdk_get_io_channel(&device));
    });
    wait_for_report(log, " ms by channel destroy callback watchdog_test+0x");
    EXPECT_TRUE(log.contains(" of watchdog_test on thread 'app' (rule 5")) << log.text();
    g_released = true;
    on_app([&] { ASSERT_EQ(0, bdk_io_device_unregister(&device, nullptr)); });
}

TEST_F(WatchdogTest, ABlockingSystemCallIsFoundToo) {
    const LogCapture log;
    int fds[2];
    ASSERT_EQ(0, pipe(fds));
    static std::atomic<int> read_end;
    read_end = fds[0];
    bdk_thread_send_msg(
        app(),
        [](void*) {
            char byte = 0;
            EXPECT_EQ(1, read(read_end, &byte, 1)) << "the call goes on after the watchdog's signal";
        },
        nullptr);
    // Under ThreadSanitizer a signal waits until the system call returns: then there is no backtrace.
    while (!log.contains(" ms by message watchdog_test+0x") &&
           !log.contains(" ms by a call that does not answer")) {
        std::this_thread::yield();
    }
    ASSERT_EQ(1, write(fds[1], "x", 1));
    settle(app());
    close(fds[0]);
    close(fds[1]);
}

}  // namespace
}  // namespace bdk::test
