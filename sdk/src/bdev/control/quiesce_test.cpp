// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/quiesce.h>
#include <bdevkit/zone.h>
#include <gtest/gtest.h>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class Quiesce : public testing::Test {
protected:
    Quiesce() {
        host.add(&raw_disk_module);
        zoned.flags = BDK_BDEV_ZONED;
        zoned.bdev.zone_size = 32;
        call_on_app_thread([&] {
            EXPECT_EQ(disk.add(), 0);
            EXPECT_EQ(zoned.add(), 0);
        });
    }

    using Call = int (*)(bdk_bdev*, const bdk_module*, uint64_t, uint64_t, bdk_bdev_quiesce_cb, void*);

    /// Calls quiesce or unquiesce; the result is ready when its callback has run.
    Awaited<int> call(Call fn, uint64_t offset, uint64_t count, RawDisk* of = nullptr) {
        Awaited<int> done;
        call_on_app_thread([&] {
            auto* set = new std::function<void(int)>(done.setter());
            auto cb = [](int rc, void* ctx) {
                std::unique_ptr<std::function<void(int)>> self(static_cast<std::function<void(int)>*>(ctx));
                (*self)(rc);
            };
            EXPECT_EQ(fn(of != nullptr ? &of->bdev : &disk.bdev, &raw_disk_module, offset, count, cb, set),
                      0);
        });
        return done;
    }
    void quiesce(uint64_t offset, uint64_t count) {
        EXPECT_EQ(call(bdk_bdev_quiesce_range, offset, count).get(), 0);
    }
    void unquiesce(uint64_t offset, uint64_t count) {
        EXPECT_EQ(call(bdk_bdev_unquiesce_range, offset, count).get(), 0);
    }

    static Awaited<IoResult> start_zeroes(Client& client, uint64_t block, uint64_t count = 1) {
        return client.start(
            [=](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
                return bdk_bdev_write_zeroes_blocks(desc, ch, block, count, nullptr, cb, arg);
            });
    }

    RawDisk disk{"disk"}, zoned{"zoned"};
    TestHost host;
};

TEST_F(Quiesce, ConflictingIoWaitsAndOtherIoRuns) {
    Client client("disk", Access::write);
    quiesce(8, 8);
    auto inside = start_zeroes(client, 10);
    auto across = start_zeroes(client, 6, 4);
    auto before = start_zeroes(client, 0, 8);
    auto after = start_zeroes(client, 16, 8);
    EXPECT_TRUE(before.get().ok());
    EXPECT_TRUE(after.get().ok());
    settle(client.thread());
    EXPECT_FALSE(inside.is_ready());
    EXPECT_FALSE(across.is_ready());
    unquiesce(8, 8);
    EXPECT_TRUE(inside.get().ok());
    EXPECT_TRUE(across.get().ok());
}

TEST_F(Quiesce, AnAppendMayGoAnywhereInItsZone) {
    Client client("zoned", Access::write);
    std::byte data[512] = {};
    iovec piece{data, sizeof(data)};
    const auto append = [&](uint64_t zone) {
        return client.start([&piece, zone](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_zone_appendv(desc, ch, &piece, 1, zone, 1, nullptr, cb, arg);
        });
    };
    EXPECT_EQ(call(bdk_bdev_quiesce_range, 40, 8, &zoned).get(), 0);
    auto inside = append(32);
    EXPECT_TRUE(append(0).get().ok());
    settle(client.thread());
    EXPECT_FALSE(inside.is_ready());
    EXPECT_EQ(call(bdk_bdev_unquiesce_range, 40, 8, &zoned).get(), 0);
    EXPECT_TRUE(inside.get().ok());
}

TEST_F(Quiesce, WaitsForIoInFlight) {
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    auto in_flight = start_zeroes(client, 9);
    settle(client.thread());
    auto quiesced = call(bdk_bdev_quiesce_range, 8, 8);
    settle(client.thread());
    EXPECT_FALSE(quiesced.is_ready());
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_EQ(quiesced.get(), 0);
    EXPECT_TRUE(in_flight.get().ok());
    unquiesce(8, 8);
}

TEST_F(Quiesce, ReleasesInOrderOnEveryThread) {
    bdk_thread* other = host.new_thread("other");
    Client here("disk", Access::write);
    Client there("disk", Access::write, other);
    quiesce(0, 64);
    auto first = start_zeroes(here, 1);
    auto second = start_zeroes(here, 2);
    auto third = start_zeroes(there, 3);
    settle(bdk_thread_get_app_thread());
    settle(other);
    EXPECT_FALSE(third.is_ready());
    std::vector<uint64_t> order;
    call_on_app_thread([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            if (bdk_get_thread() == bdk_thread_get_app_thread()) order.push_back(io->u.bdev.offset_blocks);
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
    });
    unquiesce(0, 64);
    EXPECT_TRUE(first.get().ok());
    EXPECT_TRUE(second.get().ok());
    EXPECT_TRUE(third.get().ok());
    EXPECT_EQ(order, (std::vector<uint64_t>{1, 2}));
}

TEST_F(Quiesce, ChannelThatComesLaterIsHeldToo) {
    quiesce(0, 1);
    Client client("disk", Access::write);
    auto write = start_zeroes(client, 0);
    settle(client.thread());
    EXPECT_FALSE(write.is_ready());
    unquiesce(0, 1);
    EXPECT_TRUE(write.get().ok());
}

TEST_F(Quiesce, OverlappingQuiesceWaitsForItsTurn) {
    quiesce(0, 16);
    auto overlapping = call(bdk_bdev_quiesce_range, 8, 16);
    auto apart = call(bdk_bdev_quiesce_range, 32, 8);
    EXPECT_EQ(apart.get(), 0);
    settle(bdk_thread_get_app_thread());
    EXPECT_FALSE(overlapping.is_ready());
    unquiesce(0, 16);
    EXPECT_EQ(overlapping.get(), 0);
    unquiesce(8, 16);
    unquiesce(32, 8);
}

TEST_F(Quiesce, IsNotPassedByOnesThatCameLater) {
    quiesce(0, 16);
    auto all = call(bdk_bdev_quiesce_range, 0, 64);
    auto later = call(bdk_bdev_quiesce_range, 32, 8);
    auto last = call(bdk_bdev_quiesce_range, 40, 8);
    settle(bdk_thread_get_app_thread());
    EXPECT_FALSE(later.is_ready());
    EXPECT_FALSE(last.is_ready());
    unquiesce(0, 16);
    EXPECT_EQ(all.get(), 0) << "else a stream of small ones would keep it waiting";
    EXPECT_FALSE(later.is_ready());
    unquiesce(0, 64);
    EXPECT_EQ(later.get(), 0);
    EXPECT_EQ(last.get(), 0);
    unquiesce(32, 8);
    unquiesce(40, 8);
}

TEST_F(Quiesce, SeesTheRangeOfAShiftedLayer) {
    RawLayer layer("part", "disk", 32);
    layer.num_blocks = 32;
    call_on_app_thread([&] { ASSERT_EQ(layer.add(), 0); });
    Client client("part", Access::write);
    quiesce(32, 1);
    auto conflicting = start_zeroes(client, 0);
    auto other = start_zeroes(client, 1);
    EXPECT_TRUE(other.get().ok());
    EXPECT_FALSE(conflicting.is_ready());
    unquiesce(32, 1);
    EXPECT_TRUE(conflicting.get().ok());
    client.close();
    EXPECT_EQ(host.remove("part"), 0);
}

TEST_F(Quiesce, WaitsForAParentAndLetsItsChildrenPass) {
    RawDisk limited("limited");
    limited.bdev.max_rw_size = 1;
    call_on_app_thread([&] {
        ASSERT_EQ(limited.add(), 0);
        limited.hold = true;
    });
    {
        Client client("limited", Access::write);
        Client::Data data = pattern(64 * 512);
        auto write = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, data.data(), 0, 64, nullptr, cb, arg);
        });
        settle(client.thread());
        Awaited<int> quiesced;
        auto set = quiesced.setter();
        auto done = [](int rc, void* ctx) { (*static_cast<std::function<void(int)>*>(ctx))(rc); };
        call_on_app_thread(
            [&] { ASSERT_EQ(bdk_bdev_quiesce(&limited.bdev, &raw_disk_module, done, &set), 0); });
        settle(client.thread());
        EXPECT_FALSE(quiesced.is_ready());
        call_on_app_thread([&] {
            limited.hold = false;
            limited.release();
        });
        EXPECT_TRUE(write.get().ok()) << "half of its pieces came after the quiesce";
        EXPECT_EQ(quiesced.get(), 0);
        Awaited<int> unquiesced;
        set = unquiesced.setter();
        call_on_app_thread(
            [&] { ASSERT_EQ(bdk_bdev_unquiesce(&limited.bdev, &raw_disk_module, done, &set), 0); });
        EXPECT_EQ(unquiesced.get(), 0);
        EXPECT_EQ(client.read(0, 64), data);
    }
    EXPECT_EQ(host.remove("limited"), 0);
}

TEST_F(Quiesce, RefusesWhatMakesNoSense) {
    auto cb = [](int, void*) {};
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_quiesce_range(&disk.bdev, &raw_disk_module, 0, 0, cb, nullptr), -EINVAL);
        EXPECT_EQ(bdk_bdev_quiesce_range(&disk.bdev, &raw_disk_module, 60, 5, cb, nullptr), -EINVAL);
        EXPECT_EQ(bdk_bdev_quiesce(&disk.bdev, nullptr, cb, nullptr), -EINVAL) << "another's bdev";
        EXPECT_EQ(bdk_bdev_unquiesce(&disk.bdev, &raw_disk_module, cb, nullptr), -ENOENT);
    });
}

}  // namespace
}  // namespace bdk::test
