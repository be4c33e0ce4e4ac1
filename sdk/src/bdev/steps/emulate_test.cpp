// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t bit(uint32_t type) {
    return BDK_BDEV_IO_TYPE_BIT(type);
}

class Emulate : public testing::Test {
protected:
    Emulate() { host.add(&raw_disk_module); }

    void add() {
        call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    }

    static Client::Submit fua_write(iovec* iov) {
        return [=](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
            bdk_bdev_io_opts opts{};
            opts.size = sizeof(opts);
            opts.flags = BDK_BDEV_IO_FUA;
            return bdk_bdev_writev_blocks(desc, ch, iov, 1, 0, 1, &opts, cb, arg);
        };
    }

    RawDisk disk{"disk", 8192};  // 4 MiB: more than one write of zeroes
    TestHost host;
    char block[512] = {};
    iovec iov{block, sizeof(block)};
};

TEST_F(Emulate, WriteZeroesBecomesWrites) {
    disk.io_types = bit(BDK_BDEV_IO_TYPE_READ) | bit(BDK_BDEV_IO_TYPE_WRITE);
    add();
    Client client("disk", Access::write);
    EXPECT_TRUE(client.supports(BDK_BDEV_IO_TYPE_WRITE_ZEROES));
    ASSERT_TRUE(client.write(0, pattern(8192 * 512)).ok());
    EXPECT_TRUE(client.write_zeroes(1, 8190).ok());
    Client::Data expected(8192 * 512);
    std::copy_n(pattern(8192 * 512).begin(), 512, expected.begin());
    std::copy_n(pattern(8192 * 512).end() - 512, 512, expected.end() - 512);
    EXPECT_EQ(client.read(0, 8192), expected);
    EXPECT_GT(std::count(disk.seen.begin(), disk.seen.end(), uint32_t(BDK_BDEV_IO_TYPE_WRITE)), 4);
}

TEST_F(Emulate, FuaIsAFlushAfterTheWriteWhereTheModuleHasOnlyACache) {
    disk.flags = BDK_BDEV_WRITE_CACHE;
    add();
    Client client("disk", Access::write);
    EXPECT_TRUE(client.run(fua_write(&iov)).ok());
    EXPECT_EQ(disk.seen, (std::vector<uint32_t>{BDK_BDEV_IO_TYPE_WRITE, BDK_BDEV_IO_TYPE_FLUSH}));
}

TEST_F(Emulate, FuaIsTheModulesWhereItCan) {
    disk.flags = BDK_BDEV_WRITE_CACHE | BDK_BDEV_FUA;
    add();
    Client client("disk", Access::write);
    uint32_t flags = 0;
    call_on_app_thread([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            flags = io->u.bdev.flags;
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
    });
    EXPECT_TRUE(client.run(fua_write(&iov)).ok());
    EXPECT_EQ(flags, uint32_t(BDK_BDEV_IO_FUA));
    call_on_app_thread([&] { disk.on_submit = nullptr; });
}

/// As `submit`, through a layer that asks for FUA whatever the type: no submission function does so for all.
IoResult run_with_fua(const RawDisk& disk, TestHost& host, const Client::Submit& submit) {
    RawLayer layer("layer", disk.bdev.name);
    layer.on_submit = [](bdk_bdev_io* io, bdk_bdev_desc* desc, bdk_io_channel* ch) {
        io->u.bdev.flags |= BDK_BDEV_IO_FUA;
        bdk_bdev_io_forward(io, desc, ch);
    };
    call_on_app_thread([&] { EXPECT_EQ(layer.add(), 0); });
    IoResult result;
    {
        Client client("layer", Access::write);
        result = client.run(submit);
    }
    EXPECT_EQ(host.remove("layer"), 0);
    return result;
}

TEST_F(Emulate, FuaOfEveryOtherTypeIsAFlushEvenWhereTheModuleHasItForWrites) {
    disk.flags = BDK_BDEV_WRITE_CACHE | BDK_BDEV_FUA;
    add();
    char other[512] = {};
    iovec fresh{other, sizeof(other)};
    const auto write_zeroes = [](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 8, nullptr, cb, arg);
    };
    const auto unmap = [](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_unmap_blocks(desc, ch, 0, 8, nullptr, cb, arg);
    };
    const auto copy = [](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_copy_blocks(desc, ch, 0, 8, 8, nullptr, cb, arg);
    };
    const auto compare_and_write = [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_comparev_and_writev_blocks(desc, ch, &iov, 1, &fresh, 1, 0, 1, nullptr, cb, arg);
    };
    const std::pair<uint32_t, Client::Submit> ios[] = {
        {BDK_BDEV_IO_TYPE_WRITE_ZEROES, write_zeroes},
        {BDK_BDEV_IO_TYPE_UNMAP, unmap},
        {BDK_BDEV_IO_TYPE_COPY, copy},
        {BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE, compare_and_write}};
    for (const auto& [type, submit] : ios) {
        call_on_app_thread([&] { disk.seen.clear(); });
        EXPECT_TRUE(run_with_fua(disk, host, submit).ok());
        EXPECT_EQ(disk.seen, (std::vector<uint32_t>{type, BDK_BDEV_IO_TYPE_FLUSH}));
    }
}

TEST_F(Emulate, FuaOfWhatIsMadeOfWritesIsKept) {
    disk.flags = BDK_BDEV_WRITE_CACHE;
    disk.io_types = bit(BDK_BDEV_IO_TYPE_READ) | bit(BDK_BDEV_IO_TYPE_WRITE) | bit(BDK_BDEV_IO_TYPE_FLUSH);
    add();
    const auto write_zeroes = [](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_zeroes_blocks(desc, ch, 0, 8192, nullptr, cb, arg);
    };
    const auto copy = [](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_copy_blocks(desc, ch, 0, 8, 8, nullptr, cb, arg);
    };
    const auto compare_and_write = [&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_comparev_and_writev_blocks(desc, ch, &iov, 1, &iov, 1, 0, 1, nullptr, cb, arg);
    };
    for (const Client::Submit& submit :
         {Client::Submit(write_zeroes), Client::Submit(copy), Client::Submit(compare_and_write)}) {
        call_on_app_thread([&] { disk.seen.clear(); });
        EXPECT_TRUE(run_with_fua(disk, host, submit).ok());
        EXPECT_EQ(disk.seen.back(), uint32_t(BDK_BDEV_IO_TYPE_FLUSH));
        EXPECT_EQ(std::count(disk.seen.begin(), disk.seen.end(), uint32_t(BDK_BDEV_IO_TYPE_FLUSH)), 1)
            << "one is enough for all its writes";
    }
}

TEST_F(Emulate, FailureOfAPartIsTheWholes) {
    disk.io_types = bit(BDK_BDEV_IO_TYPE_READ) | bit(BDK_BDEV_IO_TYPE_WRITE);
    add();
    Client client("disk", Access::write);
    call_on_app_thread([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            bdk_bdev_io_complete_aio_status(io, io->u.bdev.offset_blocks == 0 ? 0 : -ENOSPC);
        };
    });
    IoResult result = client.write_zeroes(0, 8192);
    EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_AIO_ERROR);
    EXPECT_EQ(result.aio_errno, -ENOSPC);
    call_on_app_thread([&] { disk.on_submit = nullptr; });
}

/// Compares every byte of a block with `wanted`, and writes `fresh` if it is so. Holds the data: it must live
/// until the I/O has ended.
struct CompareAndWrite {
    CompareAndWrite(std::byte wanted, std::byte fresh) : old_data(512, wanted), new_data(512, fresh) {}

    Client::Submit at(uint64_t block) {
        return [=, this](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
            return bdk_bdev_comparev_and_writev_blocks(desc, ch, &iovs[0], 1, &iovs[1], 1, block, 1, nullptr,
                                                       cb, arg);
        };
    }

    std::vector<std::byte> old_data, new_data;
    iovec iovs[2] = {{old_data.data(), 512}, {new_data.data(), 512}};
};

constexpr uint64_t read_and_write = bit(BDK_BDEV_IO_TYPE_READ) | bit(BDK_BDEV_IO_TYPE_WRITE);

TEST_F(Emulate, CompareIsARead) {
    disk.io_types = bit(BDK_BDEV_IO_TYPE_READ);
    add();
    Client client("disk", Access::read);
    EXPECT_TRUE(client.supports(BDK_BDEV_IO_TYPE_COMPARE));
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE));
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_COPY));
    EXPECT_TRUE(client.compare(0, Client::Data(8192 * 512)).ok());
    EXPECT_GT(disk.seen.size(), 1u) << "in pieces of the host's buffers";
    Client::Data other(8192 * 512);
    other.back() = std::byte{1};
    EXPECT_EQ(client.compare(0, other).status, BDK_BDEV_IO_STATUS_MISCOMPARE);
}

TEST_F(Emulate, CopyOntoItselfKeepsTheData) {
    disk.io_types = read_and_write;
    add();
    Client client("disk", Access::write);
    EXPECT_TRUE(client.supports(BDK_BDEV_IO_TYPE_COPY));
    Client::Data data = pattern(4000 * 512);
    for (uint64_t to : {1000, 993, 1007}) {
        ASSERT_TRUE(client.write(1000, data).ok());
        EXPECT_TRUE(client.copy(to, 1000, 4000).ok());
        EXPECT_EQ(client.read(to, 4000), data);
    }
}

TEST_F(Emulate, CompareAndWriteIsAtomicOverThreads) {
    disk.io_types = read_and_write;
    add();
    call_on_app_thread([&] {
        // Without lists of submitted I/Os, which the threads would share.
        disk.on_submit = [&](bdk_bdev_io* io) {
            std::byte* at = disk.data.data() + io->u.bdev.offset_blocks * 512;
            if (io->type == BDK_BDEV_IO_TYPE_READ)
                std::memcpy(io->u.bdev.iovs[0].iov_base, at, 512);
            else
                std::memcpy(at, io->u.bdev.iovs[0].iov_base, 512);
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
    });
    bdk_thread* other = host.new_thread("other");
    Client here("disk", Access::write);
    Client there("disk", Access::write, other);
    int successes = 0;
    for (int round = 0; round < 100; round++) {
        CompareAndWrite step(std::byte(round), std::byte(round + 1));
        std::vector<Awaited<IoResult>> racing;
        for (Client* client : {&here, &there, &here, &there})
            racing.push_back(client->start(step.at(7)));
        for (auto& one : racing) {
            IoResult result = one.get();
            EXPECT_EQ(result.rc, 0);
            if (result.ok())
                successes++;
            else
                EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_MISCOMPARE);
        }
    }
    EXPECT_EQ(successes, 100) << "one of each four found what it wanted";
    EXPECT_EQ(here.read(7, 1), Client::Data(512, std::byte{100}));
    call_on_app_thread([&] { disk.on_submit = nullptr; });
}

TEST_F(Emulate, CompareAndWriteHoldsOtherIoOnItsBlocksAlone) {
    disk.io_types = read_and_write;
    add();
    Client client("disk", Access::write);
    std::deque<bdk_bdev_io*> held;
    call_on_app_thread([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            if (io->type == BDK_BDEV_IO_TYPE_READ && io->u.bdev.offset_blocks == 5) return held.push_back(io);
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
    });
    CompareAndWrite step(std::byte{0}, std::byte{1});
    auto one = client.start(step.at(5));
    bool reads = false;
    while (!reads)
        call_on_app_thread([&] { reads = !held.empty(); });
    auto conflicting = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, block, 5, 1, nullptr, cb, arg);
    });
    EXPECT_TRUE(client.write(6, pattern(512)).ok());
    EXPECT_FALSE(conflicting.is_ready());
    call_on_app_thread([&] {
        std::memset(held.front()->u.bdev.iovs[0].iov_base, 0, 512);
        bdk_bdev_io_complete(held.front(), BDK_BDEV_IO_STATUS_SUCCESS);
    });
    EXPECT_TRUE(one.get().ok());
    EXPECT_TRUE(conflicting.get().ok());
    call_on_app_thread([&] { disk.on_submit = nullptr; });
}

TEST_F(Emulate, AbortEndsACompareAndWriteThatWaitsForItsBlocks) {
    disk.io_types |= bit(BDK_BDEV_IO_TYPE_ABORT);
    disk.io_types &= ~bit(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE);
    add();
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    auto write = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_write_blocks(desc, ch, block, 5, 1, nullptr, cb, arg);
    });
    void* token = nullptr;
    CompareAndWrite step(std::byte{0}, std::byte{1});
    auto one = client.start(step.at(5), &token);
    EXPECT_TRUE(client.abort(token).ok());
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(write.get().ok());
    EXPECT_EQ(one.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_TRUE(client.write(5, pattern(512)).ok()) << "the blocks are free again";
}

/// A compare-and-write of zeroes with zeroes.
IoResult compare_and_write_zeroes(Client& client, uint64_t block, uint64_t count) {
    Client::Data zeroes(count * 512);
    iovec iov{zeroes.data(), zeroes.size()};
    return client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_comparev_and_writev_blocks(desc, ch, &iov, 1, &iov, 1, block, count, nullptr, cb,
                                                   arg);
    });
}

TEST_F(Emulate, CompareAndWriteOfAnyLengthIsOne) {
    disk.io_types = read_and_write;
    add();
    RawLayer layer("layer", "disk");
    call_on_app_thread([&] { ASSERT_EQ(layer.add(), 0); });
    Client client("layer", Access::write);
    EXPECT_EQ(bdk_bdev_get_acwu(&layer.bdev), 1u);
    EXPECT_EQ(bdk_bdev_get_max_compare_and_write(&layer.bdev), UINT32_MAX);
    EXPECT_EQ(bdk_bdev_get_acwu(&disk.bdev), 1u) << "a layer that takes it over promises less than it could";
    EXPECT_EQ(bdk_bdev_get_max_compare_and_write(&disk.bdev), UINT32_MAX);
    EXPECT_TRUE(compare_and_write_zeroes(client, 0, 8192).ok());
    client.close();
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(Emulate, WhatTheCoreMakesIsNotTheModulesOwn) {
    disk.io_types = read_and_write;
    add();
    Client client("disk", Access::write);
    for (const uint32_t made : {BDK_BDEV_IO_TYPE_COMPARE, BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE,
                                BDK_BDEV_IO_TYPE_WRITE_ZEROES, BDK_BDEV_IO_TYPE_COPY}) {
        EXPECT_TRUE(bdk_bdev_io_type_supported(client.bdev(), made)) << made;
        EXPECT_FALSE(bdk_bdev_io_type_native(client.bdev(), made)) << made;
    }
    EXPECT_TRUE(bdk_bdev_io_type_native(client.bdev(), BDK_BDEV_IO_TYPE_WRITE));
    for (const uint32_t unknown : {21u, 22u, 40u, 63u, 64u, UINT32_MAX}) {
        EXPECT_FALSE(bdk_bdev_io_type_native(client.bdev(), unknown)) << unknown;
        EXPECT_FALSE(bdk_bdev_io_type_supported(client.bdev(), unknown)) << unknown;
        EXPECT_STREQ(bdk_bdev_io_type_name(unknown), "unknown");
    }
    client.close();
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(Emulate, CompareAndWriteLongerThanTheModulesIsRefused) {
    disk.bdev.acwu = 4;
    add();
    {
        Client client("disk", Access::write);
        EXPECT_TRUE(compare_and_write_zeroes(client, 0, 4).ok());
        EXPECT_EQ(compare_and_write_zeroes(client, 0, 5).rc, -EINVAL);
    }
    RawDisk plain("plain");
    plain.bdev.write_unit_size = 2;
    RawLayer boaster("boaster", "plain");
    boaster.on_submit = [](bdk_bdev_io* io, bdk_bdev_desc* desc, bdk_io_channel* ch) {
        io->u.bdev.num_blocks = 3;
        bdk_bdev_io_forward(io, desc, ch);
    };
    call_on_app_thread([&] {
        ASSERT_EQ(plain.add(), 0);
        EXPECT_EQ(bdk_bdev_get_acwu(&plain.bdev), 2u) << "of a module that does not say";
        ASSERT_EQ(boaster.add(), 0);
    });
    Client client("boaster", Access::write);
    EXPECT_EQ(compare_and_write_zeroes(client, 0, 2).aio_errno, -EINVAL) << "at a base as well";
    EXPECT_TRUE(plain.seen.empty());
    client.close();
    EXPECT_EQ(host.remove("plain"), 0);
}

TEST_F(Emulate, WhatIsMadeOfWritesIsMadeOfWholeWriteUnits) {
    disk.io_types = read_and_write;
    disk.flags = BDK_BDEV_SPLIT_ON_WRITE_UNIT;
    disk.bdev.write_unit_size = 4;
    add();
    Client client("disk", Access::write);
    EXPECT_EQ(client.write_zeroes(0, 3).rc, -EINVAL);
    EXPECT_EQ(client.copy(6, 0, 4).rc, -EINVAL);
    EXPECT_EQ(compare_and_write_zeroes(client, 4, 2).rc, -EINVAL);
    EXPECT_TRUE(disk.seen.empty());
    EXPECT_TRUE(client.copy(8, 1, 4).ok()) << "reads need no units";
    EXPECT_TRUE(compare_and_write_zeroes(client, 4, 8).ok());
}

TEST_F(Emulate, DynamicTypesAreAskedForEachTime) {
    static bool native;
    native = true;
    disk.flags = BDK_BDEV_DYNAMIC_IO_TYPES;
    disk.io_type_supported = [](uint32_t type) { return native || (read_and_write & bit(type)) != 0; };
    add();
    Client client("disk", Access::write);
    for (bool now : {true, false}) {
        native = now;
        call_on_app_thread([&] { disk.seen.clear(); });
        EXPECT_TRUE(client.supports(BDK_BDEV_IO_TYPE_WRITE_ZEROES));
        EXPECT_TRUE(client.supports(BDK_BDEV_IO_TYPE_COPY));
        EXPECT_EQ(client.supports(BDK_BDEV_IO_TYPE_UNMAP), now);
        EXPECT_TRUE(client.write_zeroes(0, 1).ok());
        EXPECT_EQ(disk.seen.front(), uint32_t(now ? BDK_BDEV_IO_TYPE_WRITE_ZEROES : BDK_BDEV_IO_TYPE_WRITE));
    }
    disk.io_type_supported = [](uint32_t type) { return type == BDK_BDEV_IO_TYPE_READ; };
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_WRITE_ZEROES)) << "of what would it be made?";
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_COPY));
    EXPECT_TRUE(client.supports(BDK_BDEV_IO_TYPE_COMPARE));
}

}  // namespace
}  // namespace bdk::test
