// SPDX-License-Identifier: BSD-3-Clause
#include "thread/io_channel.hpp"

#include <atomic>
#include <cstring>
#include <set>
#include <thread>

#include "log/violation.hpp"
#include "support/host_test.hpp"
#include "support/log_capture.hpp"

namespace bdk::test {
namespace {

/// An io_device that counts its callbacks.
struct Device {
    std::atomic<int> created{0};
    std::atomic<int> destroyed{0};
    std::atomic<int> unregistered{0};
    std::atomic<const bdk_thread*> unregistered_on{nullptr};
    int create_result = 0;
    std::function<void()> on_create = [] {};
    std::function<void()> on_destroy = [] {};

    struct Context {
        int value;
        char zero[100];
    };

    static int create(void* io_device, void* ctx) {
        auto* device = static_cast<Device*>(io_device);
        for (const char byte : static_cast<Context*>(ctx)->zero)
            EXPECT_EQ(byte, 0);
        ++device->created;
        device->on_create();
        return device->create_result;
    }
    static void destroy(void* io_device, void*) {
        auto* device = static_cast<Device*>(io_device);
        ++device->destroyed;
        device->on_destroy();
    }
    static void gone(void* io_device) {
        auto* device = static_cast<Device*>(io_device);
        device->unregistered_on = bdk_get_thread();
        ++device->unregistered;
    }
    int add(const char* name = "disk") {
        return bdk_io_device_register(this, create, destroy, sizeof(Context), name);
    }
    int remove() { return bdk_io_device_unregister(this, gone); }
    void wait_until_gone() const {
        while (unregistered == 0)
            std::this_thread::yield();
    }
};

class IoChannelTest : public HostTest {};

TEST_F(IoChannelTest, IsMadeAtTheFirstGetAndDestroyedInAMessageAfterTheLastPut) {
    Device device;
    on_app([&] {
        ASSERT_EQ(0, device.add());
        bdk_io_channel* ch = bdk_get_io_channel(&device);
        ASSERT_NE(ch, nullptr);
        EXPECT_EQ(device.created, 1);
        EXPECT_EQ(bdk_io_channel_get_thread(ch), app());
        EXPECT_EQ(bdk_io_channel_get_io_device(ch), &device);
        void* ctx = bdk_io_channel_get_ctx(ch);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(ctx) % 64, 0u);
        EXPECT_EQ(bdk_io_channel_from_ctx(ctx), ch);

        EXPECT_EQ(bdk_get_io_channel(&device), ch) << "the same channel on repeated get";
        EXPECT_EQ(bdk_io_channel_ref(ch), ch);
        EXPECT_EQ(device.created, 1);
        bdk_put_io_channel(ch);
        bdk_put_io_channel(ch);
        bdk_put_io_channel(ch);
        EXPECT_EQ(device.destroyed, 0) << "never inside the put";
    });
    settle(app());
    EXPECT_EQ(device.destroyed, 1);
    on_app([&] { ASSERT_EQ(0, device.remove()); });
    device.wait_until_gone();
}

TEST_F(IoChannelTest, EachThreadHasItsOwn) {
    Device device;
    bdk_thread* other = new_thread("other");
    bdk_io_channel* mine = nullptr;
    on_app([&] {
        ASSERT_EQ(0, device.add());
        mine = bdk_get_io_channel(&device);
    });
    call_on(other, [&] {
        bdk_io_channel* theirs = bdk_get_io_channel(&device);
        EXPECT_NE(theirs, mine);
        EXPECT_EQ(bdk_io_channel_get_thread(theirs), other);
        bdk_put_io_channel(theirs);
    });
    EXPECT_EQ(device.created, 2);
    on_app([&] {
        bdk_put_io_channel(mine);
        ASSERT_EQ(0, device.remove());
    });
    device.wait_until_gone();
    EXPECT_EQ(device.destroyed, 2);
    end_thread(other);
}

TEST_F(IoChannelTest, AGetBetweenTheLastPutAndTheDestructionKeepsTheChannel) {
    Device device;
    bdk_io_channel* ch = nullptr;
    on_app([&] {
        ASSERT_EQ(0, device.add());
        ch = bdk_get_io_channel(&device);
        // Every put to zero queues one look; only the last one destroys.
        for (int i = 0; i < 5; ++i) {
            bdk_put_io_channel(ch);
            EXPECT_EQ(bdk_get_io_channel(&device), ch);
        }
    });
    settle(app());
    EXPECT_EQ(device.destroyed, 0);
    on_app([&] {
        bdk_put_io_channel(ch);
        EXPECT_EQ(bdk_get_io_channel(&device), ch);
        bdk_put_io_channel(ch);
    });
    settle(app());
    EXPECT_EQ(device.created, 1);
    EXPECT_EQ(device.destroyed, 1);
    on_app([&] { ASSERT_EQ(0, device.remove()); });
    device.wait_until_gone();
}

TEST_F(IoChannelTest, ManyDevicesOnOneThread) {
    std::vector<Device> devices(100);
    std::vector<bdk_io_channel*> channels;
    on_app([&] {
        for (Device& device : devices) {
            ASSERT_EQ(0, device.add());
            channels.push_back(bdk_get_io_channel(&device));
        }
        for (size_t i = 0; i < devices.size(); ++i) {
            EXPECT_EQ(bdk_get_io_channel(&devices[i]), channels[i]);
            bdk_put_io_channel(channels[i]);
            bdk_put_io_channel(channels[i]);
            ASSERT_EQ(0, devices[i].remove());
        }
    });
    for (Device& device : devices) {
        device.wait_until_gone();
        EXPECT_EQ(device.destroyed, 1);
    }
}

TEST_F(IoChannelTest, TheContextIsAtTheSameDistanceInEveryChannel) {
    int devices[4];
    const uint32_t sizes[] = {0, 1, 200, 70000};
    on_app([&] {
        std::set<ptrdiff_t> distances;
        for (int i = 0; i < 4; i++) {
            ASSERT_EQ(0,
                      bdk_io_device_register(
                          &devices[i], [](void*, void*) { return 0; }, [](void*, void*) {}, sizes[i], "any"));
            bdk_io_channel* ch = bdk_get_io_channel(&devices[i]);
            ASSERT_NE(ch, nullptr);
            distances.insert(static_cast<char*>(bdk_io_channel_get_ctx(ch)) - reinterpret_cast<char*>(ch));
            bdk_put_io_channel(ch);
            EXPECT_EQ(0, bdk_io_device_unregister(&devices[i], nullptr));
        }
        EXPECT_EQ(distances.size(), 1u);
    });
}

TEST_F(IoChannelTest, AFailingCreateCallbackUnwindsTheGet) {
    Device device;
    device.create_result = -ENOSPC;
    const LogCapture log;
    on_app([&] {
        ASSERT_EQ(0, device.add("full"));
        EXPECT_EQ(bdk_get_io_channel(&device), nullptr);
        EXPECT_EQ(current_thread()->channels.count(), 0u);
        device.create_result = 0;
        bdk_io_channel* ch = bdk_get_io_channel(&device);
        EXPECT_NE(ch, nullptr) << "the next one starts afresh";
        bdk_put_io_channel(ch);
        ASSERT_EQ(0, device.remove());
    });
    device.wait_until_gone();
    EXPECT_EQ(device.created, 2);
    EXPECT_EQ(device.destroyed, 1) << "not for the one that failed";
    EXPECT_TRUE(log.contains("io_channel of 'full' on thread 'app': its create callback returned -28"))
        << log.text();
}

TEST_F(IoChannelTest, AnUnknownDeviceGivesNoChannel) {
    const LogCapture log;
    int nothing = 0;
    on_app([&] { EXPECT_EQ(bdk_get_io_channel(&nothing), nullptr); });
    EXPECT_TRUE(log.contains("is not registered")) << log.text();
}

TEST_F(IoChannelTest, OutsideABdkThreadThereIsNoChannel) {
    Device device;
    on_app([&] { ASSERT_EQ(0, device.add()); });
    const LogCapture log;
    EXPECT_EQ(bdk_get_io_channel(&device), nullptr);
    EXPECT_TRUE(log.contains("rule 4 broken: bdk_get_io_channel() outside a bdk thread")) << log.text();
    on_app([&] { ASSERT_EQ(0, device.remove()); });
    device.wait_until_gone();
}

TEST_F(IoChannelTest, AnExitingThreadGetsNoNewChannel) {
    Device device;
    on_app([&] { ASSERT_EQ(0, device.add()); });
    bdk_thread* leaving = new_thread("leaving");
    const LogCapture log;
    call_on(leaving, [&] {
        bdk_thread_exit();
        EXPECT_EQ(bdk_get_io_channel(&device), nullptr);
    });
    EXPECT_TRUE(log.contains("thread 'leaving' is exiting")) << log.text();
    on_app([&] { ASSERT_EQ(0, device.remove()); });
    device.wait_until_gone();
}

TEST_F(IoChannelTest, PutAndRefOnAnotherThreadAreRefusedAndReported) {
    Device device;
    bdk_thread* other = new_thread("other");
    bdk_io_channel* ch = nullptr;
    on_app([&] {
        ASSERT_EQ(0, device.add());
        ch = bdk_get_io_channel(&device);
    });
    const LogCapture log;
    call_on(other, [&] {
        bdk_put_io_channel(ch);
        EXPECT_EQ(bdk_io_channel_ref(ch), nullptr);
    });
    bdk_put_io_channel(ch);
    EXPECT_TRUE(
        log.contains("rule 2 broken: bdk_put_io_channel() on the wrong thread; object: io_channel of 'disk'; "
                     "owner: thread 'app' (" +
                     std::to_string(bdk_thread_get_id(app())) + "); caller: thread 'other' ("))
        << log.text();
    EXPECT_TRUE(log.contains("plugin: io_channel_test; instead: send a message to the owner")) << log.text();
    EXPECT_TRUE(log.contains("bdk_io_channel_ref() on the wrong thread")) << log.text();
    EXPECT_TRUE(log.contains("caller: no bdk thread")) << log.text();
    settle(app());
    EXPECT_EQ(device.destroyed, 0) << "nothing was done";
    on_app([&] {
        bdk_put_io_channel(ch);
        ASSERT_EQ(0, device.remove());
    });
    device.wait_until_gone();
    end_thread(other);
}

TEST_F(IoChannelTest, PuttingTooManyTimesIsReported) {
    Device device;
    const LogCapture log;
    on_app([&] {
        ASSERT_EQ(0, device.add());
        bdk_io_channel* ch = bdk_get_io_channel(&device);
        bdk_put_io_channel(ch);
        bdk_put_io_channel(ch);
        ASSERT_EQ(0, device.remove());
    });
    device.wait_until_gone();
    EXPECT_EQ(device.destroyed, 1);
    EXPECT_TRUE(
        log.contains("rule 2 broken: bdk_put_io_channel() more often than bdk_get_io_channel(); object: "
                     "io_channel of 'disk'"))
        << log.text();
}

TEST_F(IoChannelTest, PuttingADestroyedChannelIsReported) {
    Device device;
    const LogCapture log;
    bdk_io_channel* ch = nullptr;
    on_app([&] {
        ASSERT_EQ(0, device.add());
        ch = bdk_get_io_channel(&device);
        bdk_put_io_channel(ch);
        ASSERT_EQ(0, device.remove());
    });
    device.wait_until_gone();
    on_app([&] { bdk_put_io_channel(ch); });
    EXPECT_TRUE(
        log.contains("rule 2 broken: bdk_put_io_channel() more often than bdk_get_io_channel(); object: "
                     "a destroyed io_channel"))
        << log.text();
}

TEST_F(IoChannelTest, ADestroyCallbackPutsTheChannelOfItsBase) {
    Device base;
    Device top;
    bdk_io_channel* base_ch = nullptr;
    top.on_create = [&] { base_ch = bdk_get_io_channel(&base); };
    top.on_destroy = [&] { bdk_put_io_channel(base_ch); };
    on_app([&] {
        ASSERT_EQ(0, base.add());
        ASSERT_EQ(0, top.add());
        bdk_io_channel* ch = bdk_get_io_channel(&top);
        bdk_put_io_channel(ch);
        ASSERT_EQ(0, top.remove());
        ASSERT_EQ(0, base.remove());
    });
    top.wait_until_gone();
    base.wait_until_gone();
    EXPECT_EQ(base.destroyed, 1);
}

class IoDeviceTest : public IoChannelTest {};

TEST_F(IoDeviceTest, RegisteringOutsideABdkThreadIsReported) {
    const LogCapture log;
    Device device;
    EXPECT_EQ(-EINVAL, device.add());
    EXPECT_TRUE(log.contains(
        "rule 4 broken: bdk_io_device_register() outside a bdk thread; object: io_device 'disk'"))
        << log.text();
    EXPECT_EQ(-EINVAL, device.remove());
    EXPECT_TRUE(log.contains("rule 4 broken: bdk_io_device_unregister() outside a bdk thread")) << log.text();
}

TEST_F(IoDeviceTest, RegisteringTwiceIsAnError) {
    Device device;
    on_app([&] {
        EXPECT_EQ(0, device.add());
        EXPECT_EQ(-EEXIST, device.add());
        EXPECT_EQ(0, device.remove());
    });
    device.wait_until_gone();
}

TEST_F(IoDeviceTest, UnregisteringWhatIsNotRegisteredIsAnError) {
    Device device;
    on_app([&] { EXPECT_EQ(-ENODEV, device.remove()); });
}

TEST_F(IoDeviceTest, TheCallbackComesOnTheThreadThatUnregisteredAndNeverInsideTheCall) {
    Device device;
    bdk_thread* other = new_thread("other");
    on_app([&] { ASSERT_EQ(0, device.add()); });
    call_on(other, [&] {
        ASSERT_EQ(0, device.remove());
        EXPECT_EQ(device.unregistered, 0);
    });
    device.wait_until_gone();
    EXPECT_EQ(device.unregistered_on, other);
    end_thread(other);
}

TEST_F(IoDeviceTest, TheCallbackMayBeMissing) {
    Device device;
    on_app([&] {
        ASSERT_EQ(0, device.add());
        EXPECT_EQ(0, bdk_io_device_unregister(&device, nullptr));
    });
    settle(app());
    on_app([&] { EXPECT_EQ(-ENODEV, device.remove()); });
}

TEST_F(IoDeviceTest, ExistingChannelsLiveOnAndNewGetsFail) {
    Device device;
    bdk_thread* other = new_thread("other");
    bdk_io_channel* ch = nullptr;
    const LogCapture log;
    on_app([&] {
        ASSERT_EQ(0, device.add());
        ch = bdk_get_io_channel(&device);
        ASSERT_EQ(0, device.remove());
        EXPECT_EQ(bdk_get_io_channel(&device), nullptr) << "on the thread that has one, too";
        EXPECT_EQ(bdk_io_channel_ref(ch), ch) << "the channel is still valid";
        bdk_put_io_channel(ch);
        EXPECT_EQ(-EBUSY, device.remove()) << "a second unregister";
    });
    call_on(other, [&] { EXPECT_EQ(bdk_get_io_channel(&device), nullptr); });
    settle(app());
    EXPECT_EQ(device.unregistered, 0);
    EXPECT_EQ(device.destroyed, 0);
    on_app([&] { bdk_put_io_channel(ch); });
    device.wait_until_gone();
    EXPECT_EQ(device.destroyed, 1);
    EXPECT_TRUE(log.contains("is already being unregistered")) << log.text();
    end_thread(other);
}

TEST_F(IoDeviceTest, TheSameAddressIsRegisteredAgainWhileAnOldChannelLives) {
    Device device;
    on_app([&] {
        ASSERT_EQ(0, device.add("first"));
        bdk_io_channel* old_ch = bdk_get_io_channel(&device);
        ASSERT_EQ(0, device.remove());
        ASSERT_EQ(0, device.add("second"));
        bdk_io_channel* new_ch = bdk_get_io_channel(&device);
        ASSERT_NE(new_ch, nullptr);
        EXPECT_NE(new_ch, old_ch);
        bdk_put_io_channel(old_ch);
        EXPECT_EQ(bdk_get_io_channel(&device), new_ch);
        bdk_put_io_channel(new_ch);
        bdk_put_io_channel(new_ch);
    });
    device.wait_until_gone();
    on_app([&] { ASSERT_EQ(0, device.remove()); });
    while (device.unregistered != 2)
        std::this_thread::yield();
    EXPECT_EQ(device.destroyed, 2);
}

TEST_F(IoDeviceTest, WhatIsLeftAtTheEndOfTheHostIsNamed) {
    Device device;
    on_app([&] { ASSERT_EQ(0, device.add("forgotten")); });
    const LogCapture log;
    host_.reset();
    EXPECT_TRUE(log.contains("io_device 'forgotten' was not unregistered")) << log.text();
}

}  // namespace
}  // namespace bdk::test
