// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace bdk::test
