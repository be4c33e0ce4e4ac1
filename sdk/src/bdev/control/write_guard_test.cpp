// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/qos.h>
#include <bdevkit/range_lock.h>
#include <bdevkit/zone.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "bdev/control/write_guard.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"
#include "thread/io_channel.hpp"

namespace bdk::test {
namespace {

/// A range that a client locks. Its address is the cb_arg that tells the holder's I/O.
class Lock {
public:
    Lock(Client& client, uint64_t first, uint64_t count) : client_(client) {
        call_on(client_.thread(), [&] {
            rc = bdk_bdev_lock_range(client_.desc(), client_.channel(), first, count, on_locked, this,
                                     &range_);
            if (rc == 0) came_.setter()(0);
            if (rc < 0) range_ = nullptr;
        });
    }
    ~Lock() { unlock(); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    int rc = 0;  ///< of the call

    bool is_held() {
        settle(client_.thread());
        return came_.is_ready();
    }
    /// Waits for the callback, and returns its argument.
    int wait() { return came_.get(); }

    void unlock() {
        call_on(client_.thread(), [this] {
            if (range_ != nullptr) bdk_bdev_unlock_range(std::exchange(range_, nullptr));
        });
    }

    /// Writes zeroes as the holder.
    IoResult write_zeroes(uint64_t block, uint64_t count = 1) {
        Awaited<int> done;
        written_ = done.setter();
        IoResult result;
        call_on(client_.thread(), [&] {
            result.rc = bdk_bdev_write_zeroes_blocks(client_.desc(), client_.channel(), block, count, nullptr,
                                                     on_written, this);
        });
        if (result.rc == 0) result.status = done.get();
        return result;
    }

private:
    static void on_locked(int rc, void* self) {
        auto* lock = static_cast<Lock*>(self);
        if (rc != 0) lock->range_ = nullptr;
        lock->came_.setter()(rc);
    }
    static void on_written(bdk_bdev_io* io, bool, void* self) {
        const int32_t status = bdk_bdev_io_get_status(io);
        bdk_bdev_free_io(io);
        static_cast<Lock*>(self)->written_(status);
    }

    Client& client_;
    bdk_bdev_range* range_ = nullptr;
    Awaited<int> came_;
    std::function<void(int)> written_;
};

class WriteGuard : public testing::Test {
protected:
    WriteGuard() {
        host.add(&raw_disk_module);
        zoned.flags = BDK_BDEV_ZONED;
        zoned.bdev.zone_size = 32;
        call_on_app_thread([&] {
            EXPECT_EQ(disk.add(), 0);
            EXPECT_EQ(zoned.add(), 0);
        });
    }

    static Awaited<IoResult> start_zeroes(Client& client, uint64_t block, uint64_t count = 1) {
        return client.start([=](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, block, count, nullptr, cb, arg);
        });
    }

    void hold(bool on) {
        call_on_app_thread([&] {
            disk.hold = on;
            if (!on) disk.release();
        });
    }

    RawDisk disk{"disk"}, zoned{"zoned"};
    RawLayer layer{"layer", "disk", 4};
    TestHost host;
};

TEST_F(WriteGuard, OthersWritesOfALockedRangeWait) {
    bdk_thread* thread = host.new_thread("other");
    Client holder("disk", Access::write), neighbour("disk", Access::write);
    Client other("disk", Access::write, thread);
    Lock lock(holder, 8, 8);
    EXPECT_EQ(lock.wait(), 0);
    auto same_channel = start_zeroes(holder, 8);
    auto same_thread = start_zeroes(neighbour, 15);
    auto other_thread = start_zeroes(other, 4, 8);
    EXPECT_TRUE(start_zeroes(neighbour, 0, 8).get().ok());
    EXPECT_TRUE(start_zeroes(other, 16, 8).get().ok());
    EXPECT_TRUE(other.try_read(8, 8).ok());
    EXPECT_TRUE(lock.write_zeroes(9).ok());
    settle(thread);
    EXPECT_FALSE(same_channel.is_ready());
    EXPECT_FALSE(same_thread.is_ready());
    EXPECT_FALSE(other_thread.is_ready());
    lock.unlock();
    EXPECT_TRUE(same_channel.get().ok());
    EXPECT_TRUE(same_thread.get().ok());
    EXPECT_TRUE(other_thread.get().ok());
}

TEST_F(WriteGuard, AChannelThatComesLaterIsGuardedToo) {
    Client holder("disk", Access::write);
    Lock lock(holder, 0, 8);
    EXPECT_EQ(lock.wait(), 0);
    Client late("disk", Access::write);
    auto write = start_zeroes(late, 0);
    settle(late.thread());
    EXPECT_FALSE(write.is_ready());
    lock.unlock();
    EXPECT_TRUE(write.get().ok());
}

/// Each kind of I/O on block 8, one block.
class KindOfWrite {
public:
    std::vector<std::pair<const char*, Client::Submit>> changing() {
        return {
            {"write", [this](auto* d, auto* c, auto cb,
                             void* a) { return bdk_bdev_write_blocks(d, c, data_, 8, 1, nullptr, cb, a); }},
            {"unmap", [](auto* d, auto* c, auto cb,
                         void* a) { return bdk_bdev_unmap_blocks(d, c, 8, 1, nullptr, cb, a); }},
            {"write_zeroes",
             [](auto* d, auto* c, auto cb, void* a) {
                 return bdk_bdev_write_zeroes_blocks(d, c, 8, 1, nullptr, cb, a);
             }},
            {"copy to", [](auto* d, auto* c, auto cb,
                           void* a) { return bdk_bdev_copy_blocks(d, c, 8, 20, 1, nullptr, cb, a); }},
            {"compare-and-write",
             [this](auto* d, auto* c, auto cb, void* a) {
                 return bdk_bdev_comparev_and_writev_blocks(d, c, &piece_, 1, &piece_, 1, 8, 1, nullptr, cb,
                                                            a);
             }},
            {"nvme write", [this](auto* d, auto* c, auto cb, void* a) { return nvme(0x01, d, c, cb, a); }},
            {"nvme write zeroes",
             [this](auto* d, auto* c, auto cb, void* a) { return nvme(0x08, d, c, cb, a); }},
        };
    }

    std::vector<std::pair<const char*, Client::Submit>> harmless() {
        return {
            {"read", [this](auto* d, auto* c, auto cb,
                            void* a) { return bdk_bdev_read_blocks(d, c, data_, 8, 1, nullptr, cb, a); }},
            {"flush", [](auto* d, auto* c, auto cb,
                         void* a) { return bdk_bdev_flush_blocks(d, c, 8, 1, nullptr, cb, a); }},
            {"copy from", [](auto* d, auto* c, auto cb,
                             void* a) { return bdk_bdev_copy_blocks(d, c, 20, 8, 1, nullptr, cb, a); }},
            {"compare",
             [this](auto* d, auto* c, auto cb, void* a) {
                 return bdk_bdev_comparev_blocks(d, c, &piece_, 1, 8, 1, nullptr, cb, a);
             }},
            {"nvme read", [this](auto* d, auto* c, auto cb, void* a) { return nvme(0x02, d, c, cb, a); }},
            {"nvme flush", [this](auto* d, auto* c, auto cb, void* a) { return nvme(0x00, d, c, cb, a); }},
        };
    }

private:
    int nvme(uint8_t opcode, bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb,
             void* arg) {
        uint8_t command[64] = {opcode};
        return bdk_bdev_nvme_io_passthru(desc, ch, command, data_, sizeof(data_), nullptr, cb, arg);
    }

    std::byte data_[512] = {};
    iovec piece_{data_, sizeof(data_)};
};

TEST_F(WriteGuard, EveryKindOfIoThatChangesBlocksWaitsAndNoOtherDoes) {
    Client holder("disk", Access::write), other("disk", Access::write);
    KindOfWrite kinds;
    for (const auto& [name, submit] : kinds.changing()) {
        Lock lock(holder, 8, 1);
        EXPECT_EQ(lock.wait(), 0);
        auto io = other.start(submit);
        settle(other.thread());
        EXPECT_FALSE(io.is_ready()) << name;
        lock.unlock();
        EXPECT_TRUE(io.get().ok()) << name;
    }
    for (const auto& [name, submit] : kinds.harmless()) {
        const Lock lock(holder, 8, 1);
        EXPECT_TRUE(other.start(submit).get().ok()) << name;
    }
}

TEST_F(WriteGuard, AZcopyWaitsWhenItIsCommitted) {
    Client holder("disk", Access::write), other("disk", Access::write);
    Lock lock(holder, 8, 1);
    EXPECT_EQ(lock.wait(), 0);
    bdk_bdev_io* loan = nullptr;
    Awaited<bool> started, committed;
    const auto set = [](auto setter) { return new std::function<void(bool)>(setter); };
    const auto done = [](bdk_bdev_io*, bool success, void* arg) {
        const std::unique_ptr<std::function<void(bool)>> tell(static_cast<std::function<void(bool)>*>(arg));
        (*tell)(success);
    };
    call_on_app_thread([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            loan = io;
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
        EXPECT_EQ(bdk_bdev_zcopy_start(other.desc(), other.channel(), 8, 1, true, nullptr, done,
                                       set(started.setter())),
                  0);
    });
    EXPECT_TRUE(started.get());
    call_on_app_thread(
        [&] { EXPECT_EQ(bdk_bdev_zcopy_end(loan, true, nullptr, done, set(committed.setter())), 0); });
    settle(other.thread());
    EXPECT_FALSE(committed.is_ready());
    lock.unlock();
    EXPECT_TRUE(committed.get());
    call_on_app_thread([&] { bdk_bdev_free_io(loan); });
}

TEST_F(WriteGuard, WritesToAZoneTakeTheWholeZone) {
    Client holder("zoned", Access::write), other("zoned", Access::write);
    Lock lock(holder, 40, 1);
    EXPECT_EQ(lock.wait(), 0);
    std::byte data[512] = {};
    iovec piece{data, sizeof(data)};
    const auto append = [&](uint64_t zone) {
        return other.start([&piece, zone](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_zone_appendv(desc, ch, &piece, 1, zone, 1, nullptr, cb, arg);
        });
    };
    auto reset = other.start([](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_zone_management(desc, ch, 32, BDK_BDEV_ZONE_RESET, nullptr, cb, arg);
    });
    auto inside = append(32);
    EXPECT_TRUE(append(0).get().ok());
    settle(other.thread());
    EXPECT_FALSE(reset.is_ready());
    EXPECT_FALSE(inside.is_ready());
    lock.unlock();
    EXPECT_TRUE(reset.get().ok());
    EXPECT_TRUE(inside.get().ok());
}

TEST_F(WriteGuard, ALockWaitsForTheWritesThatWereInFlightBefore) {
    Client holder("disk", Access::write), other("disk", Access::write);
    hold(true);
    auto before = start_zeroes(other, 9);
    settle(other.thread());
    Lock beside(holder, 0, 8), same(holder, 8, 8);
    EXPECT_EQ(beside.wait(), 0);
    EXPECT_FALSE(same.is_held());
    hold(false);
    EXPECT_TRUE(before.get().ok());
    EXPECT_EQ(same.wait(), 0);
}

TEST_F(WriteGuard, HoldsAtTheLayerWhereItWasLocked) {
    layer.num_blocks = 32;
    call_on_app_thread([&] { EXPECT_EQ(layer.add(), 0); });
    Client holder("layer", Access::write), other("layer", Access::write);
    hold(true);
    auto before = start_zeroes(other, 8);
    settle(other.thread());
    Lock moved(holder, 12, 1), same(holder, 8, 1);
    EXPECT_EQ(moved.wait(), 0) << "it is at block 12 of the base, and at block 8 of the layer";
    EXPECT_FALSE(same.is_held());
    hold(false);
    EXPECT_TRUE(before.get().ok());
    EXPECT_EQ(same.wait(), 0);
    auto after = start_zeroes(other, 8);
    settle(other.thread());
    EXPECT_FALSE(after.is_ready());
    same.unlock();
    EXPECT_TRUE(after.get().ok());
}

TEST_F(WriteGuard, LocksAreGrantedInTheOrderInWhichTheyCame) {
    bdk_thread* thread = host.new_thread("other");
    Client here("disk", Access::write), there("disk", Access::write, thread);
    Lock first(here, 0, 4);
    EXPECT_EQ(first.wait(), 0);
    Lock second(there, 0, 4), third(here, 0, 4);
    EXPECT_FALSE(second.is_held());
    first.unlock();
    EXPECT_EQ(second.wait(), 0);
    EXPECT_FALSE(third.is_held());
    second.unlock();
    EXPECT_EQ(third.wait(), 0);
}

TEST_F(WriteGuard, ALockThatWaitsMayBeGivenBack) {
    Client holder("disk", Access::write), other("disk", Access::write);
    Lock held(holder, 0, 4);
    EXPECT_EQ(held.wait(), 0);
    Lock waits(other, 0, 8);
    auto behind = start_zeroes(holder, 6);
    settle(holder.thread());
    EXPECT_FALSE(behind.is_ready());
    waits.unlock();
    EXPECT_TRUE(behind.get().ok());
    EXPECT_FALSE(waits.is_held());
}

TEST_F(WriteGuard, WhatCannotBeLockedIsRefused) {
    Client writer("disk", Access::write), reader("disk", Access::read);
    EXPECT_EQ(Lock(writer, 0, 0).rc, -EINVAL);
    EXPECT_EQ(Lock(writer, 63, 2).rc, -EINVAL);
    EXPECT_EQ(Lock(reader, 0, 1).rc, -EBADF);
    call_on_app_thread([&] {
        const auto cb = [](int, void*) {};
        bdk_bdev_range *range = nullptr, *again = nullptr;
        EXPECT_EQ(bdk_bdev_lock_range(writer.desc(), writer.channel(), 0, 1, cb, this, &range), BDK_PENDING);
        EXPECT_EQ(bdk_bdev_lock_range(writer.desc(), writer.channel(), 8, 1, cb, this, &again), -EBUSY);
        bdk_bdev_unlock_range(range);
    });
}

TEST_F(WriteGuard, AWriteThatWaitsCanBeAborted) {
    Client holder("disk", Access::write), other("disk", Access::write);
    Lock lock(holder, 0, 4);
    EXPECT_EQ(lock.wait(), 0);
    void* token = nullptr;
    auto write =
        other.start([](auto* desc, auto* ch, auto cb,
                       void* arg) { return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 1, nullptr, cb, arg); },
                    &token);
    EXPECT_TRUE(other.abort(token).ok());
    EXPECT_EQ(write.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    lock.unlock();
    EXPECT_TRUE(start_zeroes(other, 0).get().ok());
}

TEST_F(WriteGuard, SinksOnceNobodyLocksAndRisesAgain) {
    Client holder("disk", Access::write), other("disk", Access::write);
    const auto is_guarded = [&] {
        bool guarded = false;
        call_on(other.thread(), [&] {
            auto* channel = static_cast<BdevChannel*>(io_channel_ctx(other.channel()));
            guarded = (channel->flags & channel_guarded) != 0;
        });
        return guarded;
    };
    EXPECT_FALSE(is_guarded());
    for (int round = 0; round < 2; round++) {
        Lock lock(holder, 0, 4);
        EXPECT_EQ(lock.wait(), 0);
        EXPECT_TRUE(is_guarded());
        hold(true);
        auto in_flight = start_zeroes(other, 8);
        lock.unlock();
        while (is_guarded())
            std::this_thread::yield();
        hold(false);
        EXPECT_TRUE(in_flight.get().ok());
        EXPECT_TRUE(start_zeroes(other, 0).get().ok());
    }
}

/// An abandoned write needs the guard while the guard goes down. The write that waits for it is not
/// forgotten.
TEST_F(WriteGuard, AWriteThatBeginsToWaitWhileItSinksGoesOn) {
    Client gone("disk", Access::write), other("disk", Access::write);
    EXPECT_EQ(Lock(gone, 0, 4).wait(), 0);
    hold(true);
    Awaited<IoResult> old, newer;
    Awaited<bool> kept;
    const std::function<void()> once_it_sinks = [&] {
        if (Bdev::of(gone.bdev())->guard->guards()) return post(gone.thread(), once_it_sinks);
        const auto zeroes = [](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 8, 1, nullptr, cb, arg);
        };
        gone.submit_here(zeroes, old.setter());
        bdk_bdev_abandon(
            gone.desc(), gone.channel(), 0, nullptr,
            [](void* ctx) { static_cast<Awaited<bool>*>(ctx)->setter()(true); }, &kept);
        other.submit_here(zeroes, newer.setter());
    };
    post(gone.thread(), once_it_sinks);
    EXPECT_TRUE(kept.get());
    EXPECT_FALSE(newer.is_ready());
    hold(false);
    EXPECT_TRUE(old.get().ok());
    EXPECT_TRUE(newer.get().ok());
}

TEST_F(WriteGuard, AHolderThatClosesKeepsTheBlocksUntilItUnlocks) {
    Client other("disk", Access::write);
    Client holder("disk", Access::write);
    auto lock = std::make_unique<Lock>(holder, 0, 4);
    EXPECT_EQ(lock->wait(), 0);
    auto write = start_zeroes(other, 0);
    holder.close();
    settle(other.thread());
    EXPECT_FALSE(write.is_ready());
    lock->unlock();
    EXPECT_TRUE(write.get().ok());
}

TEST_F(WriteGuard, ASecondUnlockIsReportedAndNotDone) {
    Client holder("disk", Access::write);
    bdk_bdev_range* range = nullptr;
    Awaited<int> locked;
    const auto tell = [](int rc, void* ctx) { static_cast<Awaited<int>*>(ctx)->setter()(rc); };
    call_on(holder.thread(), [&] {
        EXPECT_EQ(bdk_bdev_lock_range(holder.desc(), holder.channel(), 0, 4, tell, &locked, &range),
                  BDK_PENDING);
    });
    EXPECT_EQ(locked.get(), 0);
    const uint64_t before = violation_count();
    call_on(holder.thread(), [&] {
        bdk_bdev_unlock_range(range);
        EXPECT_EQ(violation_count(), before);
        bdk_bdev_unlock_range(range);
    });
    EXPECT_EQ(violation_count(), before + 1);
}

TEST(WriteGuardWithoutMemory, TheHolderGoesOnWhenThoseWhoWaitHaveAllOfThePool) {
    RuntimeOptions options = test_runtime_options();
    options.bdev.bdev_io_pool_size = 4;
    RawDisk disk("disk");
    TestHost host(options);
    host.add(&raw_disk_module);
    call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    Client holder("disk", Access::write), other("disk", Access::write);
    Lock lock(holder, 0, 4);
    EXPECT_EQ(lock.wait(), 0);
    std::vector<Awaited<IoResult>> waiting;
    for (int i = 0; i < 4; i++)
        waiting.push_back(other.start([](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 1, nullptr, cb, arg);
        }));
    EXPECT_TRUE(lock.write_zeroes(0).ok());
    lock.unlock();
    for (auto& io : waiting)
        EXPECT_TRUE(io.get().ok());
}

}  // namespace
}  // namespace bdk::test
