// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class Abort : public testing::Test {
protected:
    Abort() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    }

    Awaited<IoResult> start_write(Client& client, uint64_t block, void** token = nullptr) {
        return client.start(
            [=](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
                return bdk_bdev_write_zeroes_blocks(desc, ch, block, 1, nullptr, cb, arg);
            },
            token);
    }

    RawDisk disk{"disk"};
    TestHost host;
};

TEST_F(Abort, EndsTheOneIo) {
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    void* token = nullptr;
    auto one = start_write(client, 0, &token);
    auto other = start_write(client, 1);
    EXPECT_TRUE(client.abort(token).ok());
    EXPECT_EQ(one.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_FALSE(other.is_ready());
    call_on_app_thread([&] { disk.release(); });
    EXPECT_TRUE(other.get().ok());
}

TEST_F(Abort, EndsAllOnTheChannel) {
    Client client("disk", Access::write);
    Client bystander("disk", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    auto first = start_write(client, 0);
    auto second = start_write(client, 1);
    auto others = start_write(bystander, 2);
    EXPECT_TRUE(client.abort(nullptr).ok());
    EXPECT_EQ(first.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_EQ(second.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_FALSE(others.is_ready()) << "it is on another channel";
    call_on_app_thread([&] { disk.release(); });
    EXPECT_TRUE(others.get().ok());
}

TEST(AbortWithoutMemory, EndsMoreIosThanTheLimitLeavesAbortsFor) {
    RuntimeOptions options = test_runtime_options();
    options.bdev.bdev_io_pool_size = 5;
    RawDisk disk("disk");
    TestHost host(options);
    host.add(&raw_disk_module);
    call_on_app_thread([&] {
        ASSERT_EQ(disk.add(), 0);
        disk.hold = true;
    });
    Client client("disk", Access::write);
    for (int round = 0; round < 20; round++) {
        std::vector<Awaited<IoResult>> ios;
        for (uint64_t block = 0; block < 4; block++)
            ios.push_back(client.start([=](auto* desc, auto* ch, auto cb, void* arg) {
                return bdk_bdev_write_zeroes_blocks(desc, ch, block, 1, nullptr, cb, arg);
            }));
        EXPECT_TRUE(client.abort(nullptr).ok()) << "it has the fifth bdev_io, and needs four more";
        for (auto& io : ios)
            EXPECT_EQ(io.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    }
}

TEST_F(Abort, WithoutATargetItSucceeds) {
    Client client("disk", Access::write);
    EXPECT_TRUE(client.abort(&client).ok());
}

TEST_F(Abort, EndsWhatWaitsInTheCore) {
    Client client("disk", Access::write);
    call_on_app_thread([&] {
        disk.hold = true;
        disk.nomem_answers = 0;
    });
    auto in_flight = start_write(client, 0);
    settle(bdk_thread_get_app_thread());
    call_on_app_thread([&] { disk.nomem_answers = 1; });
    void* token = nullptr;
    auto waiting = start_write(client, 1, &token);
    EXPECT_TRUE(client.abort(token).ok());
    EXPECT_EQ(waiting.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    call_on_app_thread([&] { disk.release(); });
    EXPECT_TRUE(in_flight.get().ok());
}

TEST_F(Abort, FailsWhenTheModuleCannot) {
    Client client("disk", Access::write);
    std::deque<bdk_bdev_io*> kept;
    call_on_app_thread([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            if (io->type == BDK_BDEV_IO_TYPE_ABORT)
                return bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_FAILED);
            kept.push_back(io);
        };
    });
    void* token = nullptr;
    auto write = start_write(client, 0, &token);
    EXPECT_EQ(client.abort(token).status, BDK_BDEV_IO_STATUS_FAILED);
    call_on_app_thread([&] { bdk_bdev_io_complete(kept.front(), BDK_BDEV_IO_STATUS_SUCCESS); });
    EXPECT_TRUE(write.get().ok());
    call_on_app_thread([&] { disk.on_submit = nullptr; });
}

TEST_F(Abort, IsRefusedWhereTheModuleLacksIt) {
    RawDisk plain("plain");
    plain.io_types = BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ);
    call_on_app_thread([&] { ASSERT_EQ(plain.add(), 0); });
    {
        Client client("plain", Access::read);
        EXPECT_EQ(client.abort(nullptr).rc, -ENOTSUP);
    }
    EXPECT_EQ(host.remove("plain"), 0);
}

}  // namespace
}  // namespace bdk::test
