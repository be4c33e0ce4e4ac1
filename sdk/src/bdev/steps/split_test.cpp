// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "support/client.hpp"
#include "support/strict_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using Seen = StrictDisk::Seen;

class Split : public testing::Test {
protected:
    Split() { host.add(&raw_disk_module); }

    void add() {
        call_on_app_thread([&] { ASSERT_EQ(disk.add_strict(), 0); });
    }

    /// The I/O that reached the disk since the last call. Fails if any of it was wrong.
    std::vector<Seen> came() {
        std::vector<Seen> result;
        call_on_app_thread([&] { result.swap(disk.came); });
        EXPECT_EQ(disk.wrong, "");
        return result;
    }

    StrictDisk disk{"disk"};
    TestHost host;
};

TEST_F(Split, CutsAtTheBoundary) {
    disk.flags = BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY;
    disk.bdev.optimal_io_boundary = 8;
    add();
    Client client("disk", Access::write);
    EXPECT_TRUE(client.write(6, pattern(12 * 512)).ok());
    EXPECT_EQ(came(), (std::vector<Seen>{{BDK_BDEV_IO_TYPE_WRITE, 6, 2, 1},
                                         {BDK_BDEV_IO_TYPE_WRITE, 8, 8, 1},
                                         {BDK_BDEV_IO_TYPE_WRITE, 16, 2, 1}}));
    EXPECT_EQ(client.read(6, 12), pattern(12 * 512));
    EXPECT_EQ(came().size(), 3u);
    EXPECT_EQ(client.read(8, 8).size(), 8u * 512);
    EXPECT_EQ(came().size(), 1u) << "what touches no boundary stays whole";
    EXPECT_TRUE(client.flush(0, 100).ok());
    EXPECT_EQ(came().size(), 1u);
}

TEST_F(Split, BoundaryIsAdviceWithoutTheFlag) {
    disk.bdev.optimal_io_boundary = 8;
    add();
    Client client("disk", Access::write);
    EXPECT_TRUE(client.write(6, pattern(12 * 512)).ok());
    EXPECT_EQ(came().size(), 1u);
}

TEST_F(Split, WritesInWriteUnitsOnly) {
    disk.flags = BDK_BDEV_SPLIT_ON_WRITE_UNIT;
    disk.bdev.write_unit_size = 4;
    add();
    Client client("disk", Access::write);
    EXPECT_TRUE(client.write(4, pattern(8 * 512)).ok());
    EXPECT_EQ(came(),
              (std::vector<Seen>{{BDK_BDEV_IO_TYPE_WRITE, 4, 4, 1}, {BDK_BDEV_IO_TYPE_WRITE, 8, 4, 1}}));
    EXPECT_EQ(client.write(4, pattern(3 * 512)).rc, -EINVAL) << "no multiple of the write unit";
    EXPECT_EQ(client.write(5, pattern(4 * 512)).rc, -EINVAL) << "between two write units";
    EXPECT_EQ(client.write_zeroes(4, 3).rc, -EINVAL) << "is made of writes";
    EXPECT_TRUE(client.write_zeroes(4, 8).ok());
    EXPECT_EQ(client.read(5, 3).size(), 3u * 512);
}

TEST_F(Split, AForwardedWriteBesideTheWriteUnitFails) {
    disk.flags = BDK_BDEV_SPLIT_ON_WRITE_UNIT;
    disk.bdev.write_unit_size = 4;
    add();
    RawLayer layer("layer", "disk");
    call_on_app_thread([&] { ASSERT_EQ(layer.add(), 0); });
    {
        Client client("layer", Access::write);
        EXPECT_EQ(client.write(1, pattern(4 * 512)).aio_errno, -EINVAL);
        EXPECT_TRUE(client.write(4, pattern(4 * 512)).ok());
    }
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(Split, EachTypeHasItsLimit) {
    disk.io_types = RawDisk::all_types;
    disk.bdev.max_rw_size = 10;
    disk.bdev.max_unmap = 20;
    disk.bdev.max_write_zeroes = 30;
    disk.bdev.max_copy = 40;
    add();
    Client client("disk", Access::write);
    EXPECT_TRUE(client.write(0, pattern(100 * 512)).ok());
    EXPECT_EQ(came().size(), 10u);
    EXPECT_TRUE(client.compare(0, pattern(100 * 512)).ok());
    EXPECT_EQ(came().size(), 10u);
    EXPECT_TRUE(client.unmap(200, 100).ok());
    EXPECT_EQ(came().size(), 5u);
    EXPECT_TRUE(client.write_zeroes(200, 100).ok());
    EXPECT_EQ(came().size(), 4u);
    EXPECT_TRUE(client.copy(500, 0, 100).ok());
    EXPECT_EQ(came().size(), 3u);
    EXPECT_EQ(client.read(500, 100), pattern(100 * 512));
}

TEST_F(Split, CopyOntoItselfMovesInTheRightOrder) {
    disk.io_types = RawDisk::all_types;
    disk.bdev.max_copy = 4;
    add();
    call_on_app_thread([&] { disk.shuffle(1); });
    Client client("disk", Access::write);
    Client::Data data = pattern(100 * 512);
    for (uint64_t to : {13, 7}) {
        ASSERT_TRUE(client.write(10, data).ok());
        EXPECT_TRUE(client.copy(to, 10, 100).ok());
        EXPECT_EQ(client.read(to, 100), data);
    }
    call_on_app_thread([&] { disk.calm(); });
    came();
}

TEST_F(Split, SegmentsAreCutAndGathered) {
    disk.bdev.max_num_segments = 2;
    disk.bdev.max_segment_size = 1024;
    add();
    Client client("disk", Access::write);
    EXPECT_TRUE(client.write(0, pattern(6 * 512)).ok());
    EXPECT_EQ(came(),
              (std::vector<Seen>{{BDK_BDEV_IO_TYPE_WRITE, 0, 4, 2}, {BDK_BDEV_IO_TYPE_WRITE, 4, 2, 1}}));
    // A block in four pieces can be had only through another buffer.
    Client::Data out(1024);
    iovec iovs[8];
    for (int i = 0; i < 8; i++)
        iovs[i] = {out.data() + i * 128, 128};
    EXPECT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_readv_blocks(desc, ch, iovs, 8, 2, 2, nullptr, cb, arg);
                    })
                    .ok());
    Client::Data all = pattern(6 * 512);
    EXPECT_TRUE(std::equal(out.begin(), out.end(), all.begin() + 1024));
    EXPECT_EQ(came(),
              (std::vector<Seen>{{BDK_BDEV_IO_TYPE_READ, 2, 1, 1}, {BDK_BDEV_IO_TYPE_READ, 3, 1, 1}}));
}

TEST_F(Split, ReadWithoutBufferIsSplitInABufferOfTheHosts) {
    disk.bdev.max_rw_size = 3;
    add();
    Client client("disk", Access::write);
    ASSERT_TRUE(client.write(0, pattern(20 * 512)).ok());
    EXPECT_EQ(client.read_without_buffer(0, 20).data, pattern(20 * 512));
}

TEST_F(Split, NoMoreThan32PiecesAtATime) {
    disk.bdev.max_rw_size = 1;
    add();
    Client client("disk", Access::write);
    std::vector<bdk_bdev_io*> held;
    call_on_app_thread([&] { disk.on_submit = [&](bdk_bdev_io* io) { held.push_back(io); }; });
    Client::Data data(100 * 512);
    auto write = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, data.data(), 0, 100, nullptr, cb, arg);
    });
    settle(client.thread());
    EXPECT_EQ(held.size(), 32u);
    // The first failure in time is the whole's, after every piece has ended.
    call_on_app_thread([&] {
        bdk_bdev_io_complete(held[7], BDK_BDEV_IO_STATUS_SUCCESS);
        bdk_bdev_io_complete_aio_status(held[9], -ENOSPC);
        bdk_bdev_io_complete_aio_status(held[3], -EIO);
    });
    settle(client.thread());
    EXPECT_EQ(held.size(), 33u) << "one more for the one that succeeded";
    EXPECT_FALSE(write.is_ready());
    call_on_app_thread([&] {
        for (size_t i = 0; i < 33; i++)
            if (i != 3 && i != 7 && i != 9) bdk_bdev_io_complete(held[i], BDK_BDEV_IO_STATUS_SUCCESS);
    });
    EXPECT_EQ(write.get().aio_errno, -ENOSPC);
    EXPECT_EQ(held.size(), 33u);
}

TEST_F(Split, PiecesOfAWriteToAZoneGoOneByOne) {
    disk.bdev.max_rw_size = 4;
    disk.flags = BDK_BDEV_ZONED;
    disk.bdev.zone_size = 64;
    disk.io_types = RawDisk::all_types & ~BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE_ZEROES);
    add();
    Client client("disk", Access::write);
    std::vector<bdk_bdev_io*> held;
    call_on_app_thread([&] { disk.on_submit = [&](bdk_bdev_io* io) { held.push_back(io); }; });
    Client::Data data(12 * 512);
    const Client::Submit writes[] = {
        [&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, data.data(), 0, 12, nullptr, cb, arg);
        },
        [&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, 12, 12, nullptr, cb, arg);
        }};
    for (const Client::Submit& submit : writes) {
        auto write = client.start(submit);
        for (int piece = 0; piece < 3; piece++) {
            settle(client.thread());
            call_on_app_thread([&] {
                ASSERT_EQ(held.size(), 1u);
                bdk_bdev_io_complete(std::exchange(held, {}).back(), BDK_BDEV_IO_STATUS_SUCCESS);
            });
        }
        EXPECT_TRUE(write.get().ok());
    }
}

TEST_F(Split, UserSeesOneIo) {
    disk.bdev.max_rw_size = 1;
    add();
    Client client("disk", Access::write);
    ASSERT_TRUE(client.write(0, pattern(50 * 512)).ok());
    call_on_app_thread([&] {
        bdk_bdev_io_stat stat{};
        stat.size = sizeof(stat);
        ASSERT_EQ(bdk_bdev_get_io_stat(client.channel(), &stat), 0);
        EXPECT_EQ(stat.num_write_ops, 1u);
        EXPECT_EQ(stat.bytes_written, 50u * 512);
    });
}

TEST_F(Split, LimitsThatNoPieceFitsAreRefused) {
    auto refused = [&](const char* name, auto set) {
        StrictDisk other(name);
        set(other);
        call_on_app_thread([&] { EXPECT_EQ(other.add_strict(), -EINVAL); });
    };
    refused("segments", [](StrictDisk& other) {
        other.bdev.max_num_segments = 1;
        other.bdev.max_segment_size = 500;
    });
    refused("alignment", [](StrictDisk& other) {
        other.bdev.max_segment_size = 2048;
        other.bdev.required_alignment = 12;
    });
    refused("unit", [](StrictDisk& other) {
        other.flags = BDK_BDEV_SPLIT_ON_WRITE_UNIT;
        other.bdev.write_unit_size = 8;
        other.bdev.max_rw_size = 4;
    });
}

TEST_F(Split, AbortEndsThePiecesAndMakesNoMore) {
    disk.bdev.max_rw_size = 1;
    call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    Client::Data data(100 * 512);
    void* token = nullptr;
    auto write = client.start(
        [&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, data.data(), 0, 100, nullptr, cb, arg);
        },
        &token);
    EXPECT_TRUE(client.abort(token).ok());
    EXPECT_EQ(write.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_EQ(std::count(disk.seen.begin(), disk.seen.end(), uint32_t{BDK_BDEV_IO_TYPE_WRITE}), 32);
    EXPECT_TRUE(client.abort(nullptr).ok()) << "nothing is left";
}

TEST_F(Split, PiecesWaitForTheEndOfAReset) {
    disk.bdev.max_rw_size = 1;
    call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    Client::Data data = pattern(100 * 512);
    auto write = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, data.data(), 0, 100, nullptr, cb, arg);
    });
    auto reset = client.start(
        [](auto* desc, auto* ch, auto cb, void* arg) { return bdk_bdev_reset(desc, ch, nullptr, cb, arg); });
    settle(client.thread());
    // The pieces in flight end; those that follow them are held until the reset has ended.
    std::deque<bdk_bdev_io*> held;
    call_on_app_thread([&] {
        held.swap(disk.held);
        ASSERT_EQ(held.back()->type, uint32_t{BDK_BDEV_IO_TYPE_RESET});
        for (bdk_bdev_io* io : held)
            if (io->type == BDK_BDEV_IO_TYPE_WRITE) disk.held.push_back(io);
        disk.hold = false;
        disk.release();
    });
    settle(client.thread());
    EXPECT_EQ(disk.seen.size(), 33u);
    EXPECT_FALSE(write.is_ready());
    call_on_app_thread([&] { bdk_bdev_io_complete(held.back(), BDK_BDEV_IO_STATUS_SUCCESS); });
    EXPECT_TRUE(reset.get().ok());
    EXPECT_TRUE(write.get().ok());
    EXPECT_EQ(client.read(0, 100), data);
}

TEST_F(Split, CloseAndRemovalWaitForThePieces) {
    disk.bdev.max_rw_size = 1;
    call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    Client::Data data = pattern(100 * 512);
    auto write = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, data.data(), 0, 100, nullptr, cb, arg);
    });
    Awaited<int> removed;
    settle(client.thread());
    host.start_remove("disk", removed.setter());
    settle(client.thread());
    EXPECT_FALSE(removed.is_ready());
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(write.get().ok()) << "pieces that were not submitted yet still are";
    EXPECT_EQ(removed.get(), 0);
}

TEST(SplitWithoutBdevIos, GoesOnWithThoseOfTheReserve) {
    RuntimeOptions options = test_runtime_options();
    options.bdev.bdev_io_pool_size = 4;
    StrictDisk disk("disk");
    disk.bdev.max_rw_size = 2;
    disk.bdev.required_alignment = 9;
    TestHost host(options);
    host.add(&raw_disk_module);
    call_on_app_thread([&] {
        ASSERT_EQ(disk.add_strict(), 0);
        disk.shuffle(1);
    });
    {
        Client client("disk", Access::write);
        // Each piece is bounced, so that a write needs up to eleven pieces and as many copies of them.
        std::vector<Awaited<IoResult>> writes;
        std::vector<Client::Data> data(4, Client::Data(20 * 512 + 1));
        for (Client::Data& one : data)
            writes.push_back(client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
                return bdk_bdev_write_blocks(desc, ch, one.data() + 1, 0, 20, nullptr, cb, arg);
            }));
        EXPECT_TRUE(writes.front().get().ok());
        for (size_t i = 1; i < writes.size(); i++) {
            IoResult result = writes[i].get();
            EXPECT_TRUE(result.ok() || result.rc == -ENOMEM) << "refused, or done";
        }
        call_on_app_thread([&] { disk.calm(); });
        EXPECT_EQ(disk.wrong, "");
    }
    EXPECT_EQ(host.remove("disk"), 0);
}

}  // namespace
}  // namespace bdk::test
