// SPDX-License-Identifier: BSD-3-Clause
// What waits is named: by bdev, desc, thread and plugin.
#include <bdevkit/bdev.h>
#include <bdevkit/poller.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "diag/pending_calls.hpp"
#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"
#include "thread/thread.hpp"

namespace bdk::test {
namespace {

RuntimeOptions impatient() {
    RuntimeOptions options = test_runtime_options();
    options.blocked_limit = std::chrono::milliseconds(20);
    options.bdev.late_call_ms = 20;
    return options;
}

std::atomic<bool> g_released;

void block() {
    while (!g_released)
        std::this_thread::yield();
}

class Waits : public testing::Test {
protected:
    Waits() {
        g_released = false;
        host.add(&raw_disk_module);
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    }
    ~Waits() override { set_exit_timeout(5'000'000'000); }

    void wait_for(std::initializer_list<std::string_view> words) {
        while (!log.has(words))
            std::this_thread::yield();
    }

    static void ignore_event(uint32_t, bdk_bdev*, void*) {}

    LogCapture log;
    RawDisk disk{"disk"};
    TestHost host{impatient()};
};

TEST_F(Waits, RemovalNamesTheDescThatIsNotClosed) {
    Client client("disk", Access::read);
    client.on_remove([](Client&) {});
    Awaited<int> removed;
    host.start_remove("disk", removed.setter());
    wait_for({"removal of bdev 'disk' has not ended for",
              "bdk_bdev_close() is due for the desc that waits_test has opened on thread 'app' ("});
    EXPECT_EQ(describe_pending_calls().size(), 1u) << "one wait, one line";
    client.close();
    EXPECT_EQ(removed.get(), 0);
    EXPECT_TRUE(describe_pending_calls().empty());
}

TEST_F(Waits, RemovalNamesTheDescWhoseIoIsInFlight) {
    Client client("disk", Access::read);
    call_on_app_thread([&] { disk.hold = true; });
    char buf[512];
    auto read =
        client.start([&](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
            return bdk_bdev_read_blocks(desc, ch, buf, 0, 1, nullptr, cb, arg);
        });
    Awaited<int> removed;
    host.start_remove("disk", removed.setter());
    wait_for({"the desc that waits_test has opened on thread 'app' (",
              ") is closed and waits for its I/O in flight"});
    call_on_app_thread([&] { disk.release(); });
    read.get();
    EXPECT_EQ(removed.get(), 0);
}

TEST_F(Waits, ThreadThatExitsWaitsForItsDescs) {
    bdk_thread* other = bdk_thread_create("other", nullptr, 0);
    const uint64_t id = bdk_thread_get_id(other);
    bdk_bdev_desc* desc = nullptr;
    call_on(other, [&] {
        ASSERT_EQ(bdk_bdev_open("disk", 0, ignore_event, nullptr, &desc), 0);
        EXPECT_EQ(bdk_thread_exit(), 0);
    });
    wait_for({"thread 'other' is exiting and waits for 1 open desc(s): 'disk', opened by waits_test"});
    call_on(other, [&] { bdk_bdev_close(desc); });
    while (bdk_thread_get_by_id(id) != nullptr)
        std::this_thread::yield();
    EXPECT_FALSE(log.has({"exits although it still has"}));
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(Waits, DescOfAThreadThatIsLetGoIsClosedForIt) {
    set_exit_timeout(150'000'000);
    bdk_thread* other = bdk_thread_create("other", nullptr, 0);
    const uint64_t id = bdk_thread_get_id(other);
    bdk_bdev_desc* desc = nullptr;
    bdk_io_channel* ch = nullptr;
    call_on(other, [&] {
        ASSERT_EQ(bdk_bdev_open("disk", BDK_BDEV_OPEN_WRITE, ignore_event, nullptr, &desc), 0);
        ch = bdk_bdev_get_io_channel(desc);
        EXPECT_EQ(bdk_thread_exit(), 0);
    });
    while (bdk_thread_get_by_id(id) != nullptr)
        std::this_thread::yield();
    EXPECT_TRUE(log.has({"thread 'other' exits although it still has", "'bdev:disk'",
                         "1 open desc(s): 'disk', opened by waits_test"}));
    EXPECT_EQ(host.remove("disk"), 0) << "nobody holds the bdev";
    const uint64_t before = violation_count();
    call_on_app_thread([&] { bdk_bdev_close(desc); });
    EXPECT_EQ(violation_count(), before + 1) << "the close that comes too late is found";
}

TEST_F(Waits, BlockingEventCallbackIsNamed) {
    Client client("disk", Access::read);
    client.on_remove([](Client& self) {
        block();
        self.close_here();
    });
    Awaited<int> removed;
    host.start_remove("disk", removed.setter());
    wait_for(
        {"the reactor of core", "by event callback waits_test", "of waits_test on thread 'app' (rule 5"});
    g_released = true;
    EXPECT_EQ(removed.get(), 0);
}

TEST_F(Waits, BlockingCallbackOfAnyOtherKindIsFoundInTheBacktrace) {
    Client client("disk", Access::read);
    bdk_bdev_io_stat stat{};
    stat.size = sizeof(stat);
    Awaited<int> asked;
    auto set = asked.setter();
    call_on_app_thread([&] {
        bdk_bdev_get_device_stat(
            client.bdev(), &stat,
            [](bdk_bdev*, bdk_bdev_io_stat*, int rc, void* arg) {
                block();
                (*static_cast<std::function<void(int)>*>(arg))(rc);
            },
            &set);
    });
    wait_for(
        {"the reactor of core", "by a callback in waits_test(", "of waits_test on thread 'app' (rule 5"});
    g_released = true;
    EXPECT_EQ(asked.get(), 0);
}

TEST_F(Waits, PollerThatSpinsForItsOwnIoIsToldWhy) {
    Client client("disk", Access::read);
    struct Spinner {
        Client& client;
        std::atomic<bool> completed{false};
        bdk_poller* poller = nullptr;
        char buf[512];
    } spinner{client};
    call_on_app_thread([&] {
        auto spin = [](void* arg) {
            auto* self = static_cast<Spinner*>(arg);
            auto done = [](bdk_bdev_io* io, bool, void* mine) {
                static_cast<Spinner*>(mine)->completed = true;
                bdk_bdev_free_io(io);
            };
            EXPECT_EQ(bdk_bdev_read_blocks(self->client.desc(), self->client.channel(), self->buf, 0, 1,
                                           nullptr, done, self),
                      0);
            while (!self->completed && !g_released)
                std::this_thread::yield();
            bdk_poller_unregister(&self->poller);
            return BDK_POLLER_BUSY;
        };
        spinner.poller = bdk_poller_register(spin, &spinner, 0, "drainer");
    });
    wait_for({"by poller 'drainer' of waits_test", "1 I/Os of this thread are under way",
              "it waits for ever (rule 1)"});
    EXPECT_FALSE(spinner.completed) << "although the disk has completed it";
    g_released = true;
    settle(bdk_thread_get_app_thread());
    EXPECT_TRUE(spinner.completed);
}

}  // namespace
}  // namespace bdk::test
