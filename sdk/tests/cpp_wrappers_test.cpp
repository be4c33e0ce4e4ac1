// SPDX-License-Identifier: BSD-3-Clause
// Threads, pollers, descriptors, channels and JSON through the C++ layer.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <atomic>
#include <bdevkit/bdevkit.hpp>
#include <thread>

#include "json/json_writer.hpp"
#include "support/await.hpp"
#include "support/log_capture.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Interrupt;
using bdevkit::IoChannel;
using bdevkit::Json;
using bdevkit::Poller;
using bdevkit::Thread;
using namespace std::chrono_literals;

TEST(CppThread, MessagesCarryClosures) {
    TestHost host;
    const Thread other(host.new_thread("other"));
    EXPECT_FALSE(Thread::current());
    EXPECT_STREQ(other.name(), "other");

    Awaited<bool> ran;
    auto owned = std::make_unique<int>(7);
    other.send([set = ran.setter(), owned = std::shared_ptr<int>(std::move(owned)), other] {
        set(*owned == 7 && Thread::current() == other && Thread::current() != Thread::app());
    });
    EXPECT_TRUE(ran.get());

    LogCapture log;
    other.send([] { throw bdevkit::Error(EIO, "thrown in a message"); });
    settle(other.get());
    EXPECT_TRUE(log.has({"message", "thrown in a message"}));
}

TEST(CppThread, SendFromAPthreadWaitsForRoom) {
    constexpr int ring = 65536;
    constexpr int count = ring + 100;
    TestHost host;
    const Thread other(host.new_thread("other"));
    std::atomic<bool> stands = false;
    std::atomic<bool> released = false;
    std::atomic<int> ran = 0;
    other.send([&] {
        stands = true;
        while (!released)
            std::this_thread::yield();
    });
    while (!stands)
        std::this_thread::yield();
    std::thread worker([&] {
        for (int i = 0; i < count; i++)
            EXPECT_TRUE(other.send([&] { ran++; }));
    });
    while (bdk_thread_send_msg(
               other.get(), [](void*) {}, nullptr) == 0)
        std::this_thread::yield();
    released = true;
    worker.join();
    settle(other.get());
    EXPECT_EQ(ran, count);
}

TEST(CppThread, SendFromAPthreadSaysWhenTheThreadIsGone) {
    TestHost host;
    bdk_thread* gone = bdk_thread_create("gone", nullptr, 0);
    const uint64_t id = bdk_thread_get_id(gone);
    Thread(gone).send([] { bdk_thread_exit(); });
    while (bdk_thread_get_by_id(id) != nullptr)
        std::this_thread::yield();
    EXPECT_FALSE(Thread(gone).send([] {}));
    call_on_app_thread(
        [&] { EXPECT_THROW(Thread(gone).send([] {}), bdevkit::Error) << "here somebody catches"; });
}

TEST(CppThread, ExecRunsAtOnceOnTheSameThread) {
    TestHost host;
    call_on_app_thread([] {
        bool ran = false;
        Thread::app().exec([&] { ran = true; });
        EXPECT_TRUE(ran);
    });
}

/// Counts its calls; pauses itself after the third.
class Counter {
public:
    explicit Counter(std::chrono::microseconds period)
        : poller_(Poller::start<&Counter::poll>(this, "counter", period)) {}

    int calls = 0;
    void resume() { poller_.resume(); }
    void stop() { poller_.stop(); }

private:
    bool poll() {
        if (++calls % 3 == 0) poller_.pause();
        return true;
    }

    Poller poller_;
};

TEST(CppPoller, RunsUntilItPausesAndAgainAfterResume) {
    TestHost host;
    for (const std::chrono::microseconds period : {0us, 10us}) {
        std::unique_ptr<Counter> counter;
        call_on_app_thread([&] { counter = std::make_unique<Counter>(period); });
        const auto calls = [&] {
            int count = 0;
            call_on_app_thread([&] { count = counter->calls; });
            return count;
        };
        while (calls() < 3) {
        }
        settle(bdk_thread_get_app_thread());
        EXPECT_EQ(calls(), 3);
        call_on_app_thread([&] { counter->resume(); });
        while (calls() < 6) {
        }
        call_on_app_thread([&] {
            counter->stop();
            counter->stop();
            counter.reset();
        });
    }
}

/// Reads an eventfd when it is ready.
class Doorbell {
public:
    explicit Doorbell(std::function<void(uint64_t)> rung)
        : fd_(eventfd(0, EFD_NONBLOCK)),
          rung_(std::move(rung)),
          interrupt_(Interrupt::start<&Doorbell::ready>(fd_, BDK_INTERRUPT_IN, this, "doorbell")) {}
    ~Doorbell() {
        interrupt_.stop();
        close(fd_);
    }
    Doorbell(const Doorbell&) = delete;
    Doorbell& operator=(const Doorbell&) = delete;

    void ring(uint64_t value) const { ASSERT_EQ(write(fd_, &value, sizeof(value)), ssize_t{sizeof(value)}); }

private:
    bool ready() {
        uint64_t value = 0;
        if (read(fd_, &value, sizeof(value)) < 0) return false;
        rung_(value);
        return true;
    }

    int fd_;
    std::function<void(uint64_t)> rung_;
    Interrupt interrupt_;
};

TEST(CppInterrupt, IsCalledWhenTheDescriptorIsReady) {
    TestHost host;
    Awaited<uint64_t> rung;
    std::unique_ptr<Doorbell> doorbell;
    call_on_app_thread([&] { doorbell = std::make_unique<Doorbell>(rung.setter()); });
    doorbell->ring(5);
    EXPECT_EQ(rung.get(), 5u);
    call_on_app_thread([&] { doorbell.reset(); });
}

TEST(CppIoChannel, IsPutWhenItsOwnerIsGone) {
    TestHost host;
    static int living = 0;
    int device = 0;
    call_on_app_thread([&] {
        bdevkit::check(bdk_io_device_register(
                           &device,
                           [](void*, void* ctx) {
                               living++;
                               *static_cast<int*>(ctx) = 11;
                               return 0;
                           },
                           [](void*, void*) { living--; }, sizeof(int), "device"),
                       "bdk_io_device_register");
        IoChannel first = IoChannel::of(&device);
        IoChannel second = std::move(first);
        EXPECT_FALSE(first);
        EXPECT_TRUE(second);
        EXPECT_EQ(living, 1);
        EXPECT_THROW(IoChannel::of(&living), bdevkit::Error);
    });
    settle(bdk_thread_get_app_thread());
    EXPECT_EQ(living, 0);

    bdk_thread* other = host.new_thread("other");
    IoChannel mine, theirs;
    call_on_app_thread([&] { mine = IoChannel::of(&device); });
    call_on(other, [&] { theirs = IoChannel::of(&device); });
    int sum = 0;
    Awaited<bool> done;
    call_on_app_thread([&] {
        bdevkit::for_each_channel<int>(
            &device, [&](int& context) { sum += context; }, [set = done.setter()] { set(true); });
    });
    done.get();
    EXPECT_EQ(sum, 22);
    call_on_app_thread([&] { mine.put(); });
    call_on(other, [&] { theirs.put(); });
    Awaited<bool> unregistered;
    static Awaited<bool>* waiting = nullptr;
    waiting = &unregistered;
    call_on_app_thread([&] { bdk_io_device_unregister(&device, [](void*) { waiting->setter()(true); }); });
    EXPECT_TRUE(unregistered.get());
}

TEST(CppJson, ClosesWhatItOpenedEvenWhenSomethingThrows) {
    bdk_json_writer writer;
    const Json json(&writer);
    json.value("name", "disk");
    json.object("limits", [&] {
        json.value("blocks", uint64_t{8});
        json.value("delta", -3);
        json.value("ratio", 0.5);
        json.value("on", true);
    });
    EXPECT_THROW(json.array("list",
                            [&] {
                                json.value(nullptr, std::string("one"));
                                throw std::runtime_error("half way");
                            }),
                 std::runtime_error);
    json.value("last", 1u);
    EXPECT_EQ(
        writer.root().dump(),
        R"({"name":"disk","limits":{"blocks":8,"delta":-3,"ratio":0.5,"on":true},"list":["one"],"last":1})");
}

}  // namespace
}  // namespace bdk::test
