// SPDX-License-Identifier: BSD-3-Clause
// I/O of a user that has gone. Nothing here depends on time: I/O that waits for a rate limit would pass hours
// later.
#include <bdevkit/qos.h>
#include <bdevkit/range_lock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class Abandon : public testing::Test {
protected:
    Abandon() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    }

    /// A write of blocks that are full of `value`.
    Awaited<IoResult> start_write(Client& client, uint64_t block, int value, void** token = nullptr) {
        auto& data = data_.emplace_back(512, std::byte(value));
        return client.start(
            [block, from = data.data()](auto* desc, auto* ch, auto cb, void* arg) {
                return bdk_bdev_write_blocks(desc, ch, from, block, 1, nullptr, cb, arg);
            },
            token);
    }

    /// Abandons the I/O submitted on the client's channel, or with `token`, and waits for the callback.
    static void abandon(Client& client, uint32_t flags, void* token = nullptr) {
        struct Call {
            void* token;
            Awaited<bool> done;
        } call{token, {}};
        const auto match = [](void* ctx, void* cb_arg) { return static_cast<Call*>(ctx)->token == cb_arg; };
        call_on(client.thread(), [&] {
            EXPECT_EQ(bdk_bdev_abandon(
                          client.desc(), client.channel(), flags, token == nullptr ? nullptr : +match,
                          [](void* ctx) { static_cast<Call*>(ctx)->done.setter()(true); }, &call),
                      0);
        });
        call.done.get();
    }

    void limit_to_one_write(Client& client) {
        bdk_bdev_qos_limits limits{};
        limits.size = sizeof(limits);
        limits.write_bytes_per_second = 1;
        Awaited<int> done;
        auto setter = done.setter();
        const auto cb = [](int rc, void* ctx) { (*static_cast<std::function<void(int)>*>(ctx))(rc); };
        post(client.thread(), [&] { bdk_bdev_set_qos_rate_limits(client.bdev(), &limits, cb, &setter); });
        EXPECT_EQ(done.get(), 0);
    }

    void hold(bool on) {
        call_on_app_thread([&] {
            disk.hold = on;
            if (!on) disk.release();
        });
    }

    /// The module ignores an abort.
    void never_aborts() {
        call_on_app_thread([&] {
            disk.on_submit = [&](bdk_bdev_io* io) {
                if (io->type == BDK_BDEV_IO_TYPE_ABORT)
                    return bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_FAILED);
                disk.held.push_back(io);
            };
        });
    }
    void release() {
        call_on_app_thread([&] {
            disk.on_submit = nullptr;
            disk.release();
        });
    }

    std::deque<std::vector<std::byte>> data_;
    RawDisk disk{"disk"}, plain{"plain"}, small{"small", 256};
    RawLayer layer{"layer", "plain"};
    TestHost host;
};

constexpr uint32_t drop = BDK_BDEV_ABANDON_DROP;

TEST_F(Abandon, NewerDataOfOthersStay) {
    bdk_thread* thread = host.new_thread("other");
    Client gone("disk", Access::write), other("disk", Access::write, thread);
    never_aborts();
    auto old = start_write(gone, 3, 'a');
    settle(gone.thread());
    abandon(gone, drop);
    auto newer = start_write(other, 3, 'b');
    settle(thread);
    EXPECT_FALSE(newer.is_ready());
    release();
    EXPECT_TRUE(old.get().ok());
    EXPECT_TRUE(newer.get().ok());
    EXPECT_EQ(other.read(3, 1)[0], std::byte('b'));
}

TEST_F(Abandon, WritesOfOtherBlocksDoNotWait) {
    Client gone("disk", Access::write), other("disk", Access::write);
    never_aborts();
    auto old = start_write(gone, 3, 'a');
    settle(gone.thread());
    abandon(gone, drop);
    auto beside = start_write(other, 4, 'b');
    auto same = start_write(other, 3, 'b');
    settle(other.thread());
    call_on_app_thread([&] { EXPECT_EQ(disk.held.size(), 2u) << "the old one and the one beside it"; });
    release();
    EXPECT_TRUE(beside.get().ok());
    EXPECT_TRUE(same.get().ok());
    EXPECT_TRUE(old.get().ok());
}

TEST_F(Abandon, WhatWaitsForARateLimitIsDropped) {
    Client gone("disk", Access::write), other("disk", Access::write);
    limit_to_one_write(gone);
    EXPECT_TRUE(start_write(gone, 0, 'a').get().ok());
    auto waits = start_write(gone, 3, 'a');
    settle(gone.thread());
    EXPECT_FALSE(waits.is_ready());
    abandon(gone, drop);
    EXPECT_EQ(waits.get().status, BDK_BDEV_IO_STATUS_ABORTED);
}

TEST_F(Abandon, WhatWaitsAtABaseThatHasNoAbortIsDropped) {
    plain.io_types = RawDisk::all_types & ~BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ABORT);
    layer.io_types = plain.io_types;
    call_on_app_thread([&] {
        EXPECT_EQ(plain.add(), 0);
        EXPECT_EQ(layer.add(), 0);
        plain.nomem_answers = 1;
        plain.hold = true;
    });
    Client gone("layer", Access::write);
    call_on_app_thread([&] { plain.nomem_answers = 0; });
    auto at_module = start_write(gone, 5, 'a');
    settle(gone.thread());
    call_on_app_thread([&] { plain.nomem_answers = 1; });
    auto waits = start_write(gone, 3, 'a');
    settle(gone.thread());
    abandon(gone, drop);
    EXPECT_EQ(waits.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_FALSE(at_module.is_ready());
    call_on_app_thread([&] {
        plain.hold = false;
        plain.release();
    });
    EXPECT_TRUE(at_module.get().ok());
}

TEST_F(Abandon, OfASplitWriteOnlyThePiecesAtTheModuleGoOn) {
    small.bdev.max_rw_size = 1;
    call_on_app_thread([&] {
        EXPECT_EQ(small.add(), 0);
        small.hold = true;
    });
    Client gone("small", Access::write), other("small", Access::write);
    std::vector<std::byte> data(100 * 512, std::byte('a'));
    auto split = gone.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, data.data(), 0, 100, nullptr, cb, arg);
    });
    settle(gone.thread());
    size_t begun = 0;
    call_on_app_thread([&] { begun = small.held.size(); });
    EXPECT_LT(begun, 100u);
    abandon(gone, 0);
    auto newer = start_write(other, 99, 'b');
    settle(other.thread());
    EXPECT_FALSE(newer.is_ready()) << "the rest is still to come";
    abandon(gone, drop);
    settle(gone.thread());
    call_on_app_thread([&] {
        small.hold = false;
        small.release();
    });
    EXPECT_EQ(split.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_TRUE(newer.get().ok());
    EXPECT_EQ(other.read(99, 1)[0], std::byte('b'));
}

TEST_F(Abandon, WithoutDropEverythingIsWrittenBeforeWhatIsNewer) {
    Client gone("disk", Access::write), other("disk", Access::write);
    limit_to_one_write(gone);
    EXPECT_TRUE(start_write(gone, 0, 'a').get().ok());
    auto waits = start_write(gone, 3, 'a');
    settle(gone.thread());
    abandon(gone, 0);
    auto newer = start_write(other, 3, 'b');
    settle(other.thread());
    EXPECT_FALSE(waits.is_ready());
    EXPECT_FALSE(newer.is_ready());
    call_on_app_thread([&] {
        bdk_bdev_qos_limits none{.size = sizeof(none)};
        bdk_bdev_set_qos_rate_limits(
            &disk.bdev, &none, [](int, void*) {}, nullptr);
    });
    EXPECT_TRUE(waits.get().ok());
    EXPECT_TRUE(newer.get().ok());
    EXPECT_EQ(other.read(3, 1)[0], std::byte('b'));
}

TEST_F(Abandon, TheModuleIsAskedToAbort) {
    Client gone("disk", Access::write), other("disk", Access::write);
    hold(true);
    auto old = start_write(gone, 3, 'a');
    settle(gone.thread());
    abandon(gone, drop);
    EXPECT_EQ(old.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    hold(false);
    EXPECT_TRUE(start_write(other, 3, 'b').get().ok());
}

TEST_F(Abandon, OnlyWhatMatchesIsAbandoned) {
    Client gone("disk", Access::write), other("disk", Access::write);
    hold(true);
    void* token = nullptr;
    auto one = start_write(gone, 3, 'a', &token);
    auto two = start_write(gone, 4, 'a');
    settle(gone.thread());
    abandon(gone, drop, token);
    EXPECT_EQ(one.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_FALSE(two.is_ready());
    hold(false);
    EXPECT_TRUE(two.get().ok());
}

TEST_F(Abandon, LocksThatWaitAreRefused) {
    Client holder("disk", Access::write), gone("disk", Access::write);
    bdk_bdev_range *held = nullptr, *waits = nullptr;
    Awaited<int> locked, refused;
    const auto tell = [](int rc, void* ctx) { static_cast<Awaited<int>*>(ctx)->setter()(rc); };
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_lock_range(holder.desc(), holder.channel(), 0, 4, tell, &locked, &held),
                  BDK_PENDING);
        EXPECT_EQ(bdk_bdev_lock_range(gone.desc(), gone.channel(), 0, 4, tell, &refused, &waits),
                  BDK_PENDING);
    });
    EXPECT_EQ(locked.get(), 0);
    abandon(gone, drop);
    EXPECT_EQ(refused.get(), -ECANCELED);
    call_on_app_thread([&] { bdk_bdev_unlock_range(held); });
}

TEST_F(Abandon, IsRefusedOnAnotherThread) {
    Client client("disk", Access::write, host.new_thread("other"));
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_abandon(
                      client.desc(), client.channel(), 0, nullptr, [](void*) {}, nullptr),
                  -EINVAL);
    });
}

}  // namespace
}  // namespace bdk::test
