// SPDX-License-Identifier: BSD-3-Clause
// Opening, closing and removing: which of them waits for which.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"
#include "thread/thread.hpp"

namespace bdk::test {
namespace {

class Desc : public testing::Test {
protected:
    Desc() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    }

    Awaited<IoResult> start_read(Client& client, char* buf) {
        return client.start(
            [=](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
                return bdk_bdev_read_blocks(desc, ch, buf, 0, 1, nullptr, cb, arg);
            });
    }

    void hold() {
        call_on_app_thread([&] { disk.hold = true; });
    }
    void release() {
        call_on_app_thread([&] {
            disk.hold = false;
            disk.release();
        });
    }

    RawDisk disk{"disk"};
    TestHost host;
};

TEST_F(Desc, OpenFindsNameAliasAndUuid) {
    call_on_app_thread([&] {
        ASSERT_EQ(bdk_bdev_alias_add(&disk.bdev, "other-name"), 0);
        EXPECT_EQ(bdk_bdev_alias_add(&disk.bdev, "other-name"), -EEXIST);
        EXPECT_EQ(bdk_bdev_get_by_name("other-name"), &disk.bdev);
        EXPECT_EQ(bdk_bdev_alias_del(&disk.bdev, "other-name"), 0);
        EXPECT_EQ(bdk_bdev_get_by_name("other-name"), nullptr);
    });
    EXPECT_EQ(Client::try_open("disk", Access::write), 0);
    EXPECT_EQ(Client::try_open("nobody", Access::read), -ENODEV);
}

TEST_F(Desc, AliasesAreCopiedOut) {
    const std::string other = "another-name-that-is-longer-than-a-short-string";
    call_on_app_thread([&] {
        char buf[64] = "untouched";
        EXPECT_EQ(bdk_bdev_get_alias(&disk.bdev, 0, buf, sizeof(buf)), -ENOENT);
        EXPECT_STREQ(buf, "untouched");
        ASSERT_EQ(bdk_bdev_alias_add(&disk.bdev, "first"), 0);
        ASSERT_EQ(bdk_bdev_alias_add(&disk.bdev, other.c_str()), 0);
        EXPECT_EQ(bdk_bdev_get_alias(&disk.bdev, 0, buf, sizeof(buf)), 5);
        ASSERT_EQ(bdk_bdev_alias_del(&disk.bdev, "first"), 0);
        EXPECT_STREQ(buf, "first") << "the caller's, whatever becomes of the alias";
        EXPECT_EQ(bdk_bdev_get_alias(&disk.bdev, 0, nullptr, 0), int(other.size())) << "asks for the length";
        EXPECT_EQ(bdk_bdev_get_alias(&disk.bdev, 0, buf, 8), int(other.size()));
        EXPECT_STREQ(buf, "another") << "cut";
        EXPECT_EQ(bdk_bdev_get_alias(&disk.bdev, 0, buf, other.size() + 1), int(other.size()));
        EXPECT_EQ(buf, other);
        EXPECT_EQ(bdk_bdev_get_alias(&disk.bdev, 1, buf, sizeof(buf)), -ENOENT);
    });
}

TEST_F(Desc, OpenWithoutEventCallbackIsRefused) {
    call_on_app_thread([&] {
        bdk_bdev_desc* desc = nullptr;
        EXPECT_EQ(bdk_bdev_open("disk", 0, nullptr, nullptr, &desc), -EINVAL);
    });
}

TEST_F(Desc, CloseOnAnotherThreadIsReported) {
    bdk_thread* other = host.new_thread("other");
    Client client("disk", Access::read);
    uint64_t before = violation_count();
    call_on(other, [&] { bdk_bdev_close(client.desc()); });
    EXPECT_EQ(violation_count(), before + 1);
    EXPECT_TRUE(client.try_read(0, 1).ok()) << "the desc is still open";
}

TEST_F(Desc, CloseWaitsForIoInFlight) {
    auto client = std::make_unique<Client>("disk", Access::read);
    char buf[512];
    hold();
    auto read = start_read(*client, buf);
    settle(bdk_thread_get_app_thread());
    Awaited<int> removed;
    call_on_app_thread([&] { client->close_here(); });
    host.start_remove("disk", removed.setter());
    settle(bdk_thread_get_app_thread());
    EXPECT_FALSE(removed.is_ready()) << "the I/O is still in flight";
    EXPECT_FALSE(disk.destructed);
    release();
    EXPECT_TRUE(read.get().ok());
    EXPECT_EQ(removed.get(), 0);
    EXPECT_TRUE(disk.destructed);
}

TEST_F(Desc, CloseWaitsForTheIoOfEveryThread) {
    bdk_thread* other = host.new_thread("other");
    auto client = std::make_unique<Client>("disk", Access::read);
    struct Far {
        bdk_io_channel* ch = nullptr;
        bdk_bdev_io* in_module = nullptr;
        bool completed = false;
        char buf[512];
    } far;
    call_on_app_thread([&] { disk.on_submit = [&](bdk_bdev_io* io) { far.in_module = io; }; });
    call_on(other, [&] {
        far.ch = bdk_bdev_get_io_channel(client->desc());
        auto cb = [](bdk_bdev_io* io, bool success, void* arg) {
            static_cast<Far*>(arg)->completed = success;
            bdk_bdev_free_io(io);
        };
        ASSERT_EQ(bdk_bdev_read_blocks(client->desc(), far.ch, far.buf, 0, 1, nullptr, cb, &far), 0);
    });
    call_on_app_thread([&] { client->close_here(); });
    Awaited<int> removed;
    host.start_remove("disk", removed.setter());
    settle(bdk_thread_get_app_thread());
    settle(other);
    EXPECT_FALSE(removed.is_ready()) << "an I/O of another thread is still in flight";
    call_on(other, [&] { bdk_bdev_io_complete(far.in_module, BDK_BDEV_IO_STATUS_SUCCESS); });
    EXPECT_EQ(removed.get(), 0);
    EXPECT_TRUE(far.completed);
    call_on(other, [&] { bdk_put_io_channel(far.ch); });
}

TEST_F(Desc, AThreadStaysUntilItsIoHasEnded) {
    set_exit_timeout(1'000'000);
    bdk_thread* thread = nullptr;
    call_on_app_thread([&] { thread = bdk_thread_create("leaves", nullptr, 0); });
    const uint64_t id = bdk_thread_get_id(thread);
    bdk_bdev_io* in_module = nullptr;
    call_on_app_thread([&] { disk.on_submit = [&](bdk_bdev_io* io) { in_module = io; }; });
    const LogCapture log;
    static std::atomic<bool> completed;
    completed = false;
    call_on(thread, [] {
        bdk_bdev_desc* desc = nullptr;
        ASSERT_EQ(bdk_bdev_open(
                      "disk", 0, [](auto...) {}, nullptr, &desc),
                  0);
        bdk_io_channel* ch = bdk_bdev_get_io_channel(desc);
        static char buf[512];
        const auto cb = [](bdk_bdev_io* io, bool success, void*) {
            completed = success;
            bdk_bdev_free_io(io);
        };
        ASSERT_EQ(bdk_bdev_read_blocks(desc, ch, buf, 0, 1, nullptr, cb, nullptr), 0);
        bdk_put_io_channel(ch);
        bdk_bdev_close(desc);
        bdk_thread_exit();
    });
    while (!log.has({"thread 'leaves' cannot exit: the I/O in flight on 'bdev:disk' has not ended"}))
        std::this_thread::yield();
    ASSERT_EQ(bdk_thread_get_by_id(id), thread);
    post(thread, [&] { bdk_bdev_io_complete(in_module, BDK_BDEV_IO_STATUS_SUCCESS); });
    while (bdk_thread_get_by_id(id) != nullptr)
        std::this_thread::yield();
    EXPECT_TRUE(completed);
    EXPECT_FALSE(log.has({"exits although it still has"}));
    set_exit_timeout(5'000'000'000);
}

TEST_F(Desc, CloseStopsEveryThreadsIoWhileItWaitsForOne) {
    bdk_thread* other = host.new_thread("other");
    auto client = std::make_unique<Client>("disk", Access::read);
    bdk_io_channel* far = nullptr;
    call_on(other, [&] { far = bdk_bdev_get_io_channel(client->desc()); });
    hold();
    char buf[512];
    auto read = start_read(*client, buf);
    settle(bdk_thread_get_app_thread());
    bdk_bdev_desc* desc = client->desc();
    call_on_app_thread([&] { client->close_here(); });
    settle(bdk_thread_get_app_thread());
    call_on(other, [&] {
        auto never = [](bdk_bdev_io*, bool, void*) {};
        char unused[512];
        EXPECT_EQ(bdk_bdev_read_blocks(desc, far, unused, 0, 1, nullptr, never, nullptr), -ENODEV)
            << "while the closer's own channel waits for its read";
        bdk_put_io_channel(far);
    });
    release();
    EXPECT_TRUE(read.get().ok());
}

TEST_F(Desc, ChannelMayBePutJustBeforeTheLastIoOfAClosedDescCompletes) {
    hold();
    bool completed = false;
    bdk_bdev_desc* desc = nullptr;
    bdk_io_channel* ch = nullptr;
    call_on_app_thread([&] {
        ASSERT_EQ(bdk_bdev_open(
                      "disk", 0, [](uint32_t, bdk_bdev*, void*) {}, nullptr, &desc),
                  0);
        ch = bdk_bdev_get_io_channel(desc);
        auto cb = [](bdk_bdev_io* io, bool, void* arg) {
            *static_cast<bool*>(arg) = true;
            bdk_bdev_free_io(io);
        };
        EXPECT_EQ(bdk_bdev_flush_blocks(desc, ch, 0, 1, nullptr, cb, &completed), 0);
        bdk_bdev_close(desc);
        EXPECT_EQ(bdk_bdev_flush_blocks(desc, ch, 0, 1, nullptr, cb, &completed), -ENODEV);
    });
    settle(bdk_thread_get_app_thread());  // the close waits for the I/O by now
    call_on_app_thread([&] {
        bdk_put_io_channel(ch);
        disk.release();
    });
    settle(bdk_thread_get_app_thread());
    EXPECT_TRUE(completed);
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(Desc, ClosedDescTakesNoMoreIoAndDoesNotHoldTheBdev) {
    Client client("disk", Access::read);
    bdk_io_channel* careless = nullptr;
    call_on_app_thread([&] {
        careless = bdk_bdev_get_io_channel(client.desc());
        client.close_here();
    });
    EXPECT_EQ(host.remove("disk"), 0) << "a channel that was not put does not hold it";
    call_on_app_thread([&] {
        char buf[512];
        auto cb = [](bdk_bdev_io*, bool, void*) {};
        bdk_bdev_desc* desc = static_cast<bdk_bdev_desc*>(bdk_io_channel_get_io_device(careless));
        EXPECT_EQ(bdk_bdev_read_blocks(desc, careless, buf, 0, 1, nullptr, cb, nullptr), -ENODEV);
        bdk_put_io_channel(careless);
    });
}

TEST_F(Desc, RemovalTellsEveryDescAndWaitsForTheLast) {
    Client first("disk", Access::read);
    Client second("disk", Access::read);
    first.on_remove([](Client&) {});
    second.on_remove([](Client&) {});
    Awaited<int> removed;
    host.start_remove("disk", removed.setter());
    first.wait_for_event(BDK_BDEV_EVENT_REMOVE);
    second.wait_for_event(BDK_BDEV_EVENT_REMOVE);
    EXPECT_EQ(Client::try_open("disk", Access::read), -ENODEV) << "no opens while it goes";
    first.close();
    settle(bdk_thread_get_app_thread());
    EXPECT_FALSE(removed.is_ready());
    second.close();
    EXPECT_EQ(removed.get(), 0);
}

TEST_F(Desc, RemovalWaitsForAnAsynchronousDestruct) {
    RawDisk slow("slow");
    slow.async_destruct = true;
    call_on_app_thread([&] { ASSERT_EQ(slow.add(), 0); });
    EXPECT_EQ(host.remove("slow"), 0);
    EXPECT_TRUE(slow.destructed);
}

TEST_F(Desc, UnregisterReturnsAtOnceAndCallsBackOnItsThread) {
    bdk_thread* other = host.new_thread("other");
    struct State {
        bool returned = false;
        bool called_inside = true;
        bdk_thread* thread = nullptr;
        std::function<void(int)> set;
    } state;
    Awaited<int> gone;
    state.set = gone.setter();
    auto cb = [](int rc, void* ctx) {
        auto* self = static_cast<State*>(ctx);
        self->called_inside = !self->returned;
        self->thread = bdk_get_thread();
        self->set(rc);
    };
    call_on(other, [&] {
        bdk_bdev_unregister(&disk.bdev, cb, &state);
        state.returned = true;
    });
    EXPECT_EQ(gone.get(), 0);
    EXPECT_FALSE(state.called_inside);
    EXPECT_EQ(state.thread, other);
}

TEST_F(Desc, AnyThreadMayAskAboutTheBdev) {
    bdk_thread* other = host.new_thread("other");
    Client client("disk", Access::read);
    uint64_t before = violation_count();
    call_on(other, [&] {
        EXPECT_STREQ(bdk_bdev_get_name(client.bdev()), "disk");
        EXPECT_EQ(bdk_bdev_get_num_blocks(client.bdev()), 64u);
        EXPECT_EQ(bdk_bdev_get_block_size(client.bdev()), 512u);
        EXPECT_TRUE(bdk_bdev_io_type_supported(client.bdev(), BDK_BDEV_IO_TYPE_READ));
    });
    EXPECT_EQ(violation_count(), before);
}

TEST_F(Desc, SecondRemovalIsRefused) {
    Client client("disk", Access::read);
    client.on_remove([](Client&) {});
    Awaited<int> first, second;
    host.start_remove("disk", first.setter());
    host.start_remove("disk", second.setter());
    EXPECT_EQ(second.get(), -EBUSY);
    client.close();
    EXPECT_EQ(first.get(), 0);
}

TEST_F(Desc, NameIsFreeAgainAfterRemoval) {
    EXPECT_EQ(host.remove("disk"), 0);
    RawDisk again("disk");
    call_on_app_thread([&] {
        EXPECT_EQ(again.add(), 0);
        RawDisk twin("disk");
        EXPECT_EQ(twin.add(), -EEXIST);
    });
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(Desc, FieldsThatMakeNoSenseAreRefused) {
    RawDisk odd("odd");
    odd.block_size = 1000;
    RawDisk empty("empty", 0);
    RawDisk nameless("");
    call_on_app_thread([&] {
        EXPECT_EQ(odd.add(), -EINVAL);
        EXPECT_EQ(empty.add(), -EINVAL);
        EXPECT_EQ(nameless.add(), -EINVAL);
    });
}

TEST_F(Desc, ResizeTellsTheDescs) {
    Client client("disk", Access::read);
    call_on_app_thread([&] {
        disk.data.resize(128 * 512);
        EXPECT_EQ(bdk_bdev_notify_blockcnt_change(&disk.bdev, 32), -EBUSY) << "shrinking under an open desc";
        EXPECT_EQ(bdk_bdev_notify_blockcnt_change(&disk.bdev, 128), 0);
    });
    client.wait_for_event(BDK_BDEV_EVENT_RESIZE);
    EXPECT_EQ(client.num_blocks(), 128u);
    EXPECT_TRUE(client.try_read(127, 1).ok());
}

TEST_F(Desc, OpenAsyncWaitsForTheBdev) {
    struct State {
        bdk_bdev_desc* desc = nullptr;
        std::function<void(int)> set;
    } state;
    Awaited<int> opened;
    state.set = opened.setter();
    auto on_event = [](uint32_t, bdk_bdev*, void*) {};
    auto on_open = [](bdk_bdev_desc* desc, int rc, void* ctx) {
        auto* self = static_cast<State*>(ctx);
        self->desc = desc;
        self->set(rc);
    };
    RawDisk late("late");
    call_on_app_thread([&] {
        ASSERT_EQ(bdk_bdev_open_async("late", 0, on_event, nullptr, 60'000, on_open, &state), 0);
        ASSERT_EQ(late.add(), 0);
    });
    EXPECT_EQ(opened.get(), 0);
    call_on_app_thread([&] { bdk_bdev_close(state.desc); });
    EXPECT_EQ(host.remove("late"), 0);

    Awaited<int> never;
    state.set = never.setter();
    call_on_app_thread(
        [&] { ASSERT_EQ(bdk_bdev_open_async("nobody", 0, on_event, nullptr, 1, on_open, &state), 0); });
    EXPECT_EQ(never.get(), -ETIMEDOUT);
}

TEST_F(Desc, TimeoutNamesTheIoThatTakesTooLong) {
    Client client("disk", Access::read);
    Awaited<int> late;
    auto set = late.setter();
    call_on_app_thread([&] {
        disk.hold = true;
        auto cb = [](bdk_bdev_io* io, void* arg) {
            (*static_cast<std::function<void(int)>*>(arg))(int(io->type));
        };
        ASSERT_EQ(bdk_bdev_set_timeout(client.desc(), 5, cb, &set), 0);
    });
    char buf[512];
    auto read = start_read(client, buf);
    EXPECT_EQ(late.get(), BDK_BDEV_IO_TYPE_READ);
    release();
    EXPECT_TRUE(read.get().ok());
}

TEST_F(Desc, TimeoutEndsUnderIoInFlight) {
    Client client("disk", Access::read);
    bdk_thread* app = bdk_thread_get_app_thread();
    char buf[512];
    hold();
    std::vector<Awaited<IoResult>> reads;
    for (int round = 0; round < 50; round++) {
        call_on(app, [&] {
            auto ignore = [](bdk_bdev_io*, void*) {};
            ASSERT_EQ(bdk_bdev_set_timeout(client.desc(), 4, ignore, nullptr), 0);
        });
        settle(app);
        // Time for the poller to be due in the turn in which the timeout ends.
        call_on(app, [] {
            for (uint64_t end = bdk_get_time_ns() + 1'500'000; bdk_get_time_ns() < end;) {
            }
        });
        reads.push_back(start_read(client, buf));
        call_on(app, [&] { ASSERT_EQ(bdk_bdev_set_timeout(client.desc(), 0, nullptr, nullptr), 0); });
    }
    release();
    for (auto& read : reads)
        EXPECT_TRUE(read.get().ok());
}

TEST_F(Desc, TimeoutTellsOfIoThatWasLateBeforeItWasSet) {
    Client client("disk", Access::read);
    char buf[512];
    hold();
    auto read = start_read(client, buf);
    bdk_thread* app = bdk_thread_get_app_thread();
    uint64_t submitted = bdk_get_time_ns();
    while (bdk_get_time_ns() - submitted < 10'000'000)
        settle(app);
    Awaited<int> late;
    auto set = late.setter();
    call_on(app, [&] {
        auto cb = [](bdk_bdev_io* io, void* arg) {
            (*static_cast<std::function<void(int)>*>(arg))(int(io->type));
        };
        ASSERT_EQ(bdk_bdev_set_timeout(client.desc(), 5, cb, &set), 0);
    });
    EXPECT_EQ(late.get(), BDK_BDEV_IO_TYPE_READ);
    release();
    EXPECT_TRUE(read.get().ok());
}

TEST_F(Desc, TimeoutDoesNotTellOfIoThatItsCallbackHasEnded) {
    Client client("disk", Access::read);
    struct Called {
        RawDisk& disk;
        int times = 0;
        std::function<void(int)> set;
    };
    Awaited<int> late;
    Called called{disk, 0, late.setter()};
    hold();
    char buf[2][512];
    auto first = start_read(client, buf[0]);
    auto second = start_read(client, buf[1]);
    call_on_app_thread([&] {
        auto cb = [](bdk_bdev_io*, void* arg) {
            auto* self = static_cast<Called*>(arg);
            if (self->times++ == 0) self->set(0);
            self->disk.hold = false;
            self->disk.release();
        };
        ASSERT_EQ(bdk_bdev_set_timeout(client.desc(), 5, cb, &called), 0);
    });
    late.get();
    EXPECT_TRUE(first.get().ok());
    EXPECT_TRUE(second.get().ok());
    EXPECT_EQ(called.times, 1);
}

}  // namespace
}  // namespace bdk::test
