// SPDX-License-Identifier: BSD-3-Clause
// Out of memory: in the core (no bdev_io), and in a module (NOMEM).
#include <gtest/gtest.h>

#include <utility>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

RuntimeOptions with_pool_of(uint32_t count) {
    RuntimeOptions options = test_runtime_options();
    options.bdev.bdev_io_pool_size = count;
    return options;
}

Client::Submit write_zeroes(uint64_t block) {
    return [=](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
        return bdk_bdev_write_zeroes_blocks(desc, ch, block, 1, nullptr, cb, arg);
    };
}

TEST(NoBdevIo, SubmissionSaysSoAndTheWaitEndsWhenOneIsFree) {
    RawDisk disk("disk");
    TestHost host(with_pool_of(2));
    host.add(&raw_disk_module);
    call_on_app_thread([&] {
        ASSERT_EQ(disk.add(), 0);
        disk.hold = true;
    });
    Client client("disk", Access::write);
    auto first = client.start(write_zeroes(0));
    auto second = client.start(write_zeroes(1));
    EXPECT_EQ(client.run(write_zeroes(2)).rc, -ENOMEM);

    Awaited<int> woken;
    auto set = woken.setter();
    bdk_bdev_io_wait_entry entry{};
    call_on_app_thread([&] {
        entry.bdev = client.bdev();
        entry.cb = [](void* arg) { (*static_cast<std::function<void(int)>*>(arg))(0); };
        entry.cb_arg = &set;
        ASSERT_EQ(bdk_bdev_queue_io_wait(client.bdev(), client.channel(), &entry), 0);
    });
    EXPECT_FALSE(woken.is_ready());
    call_on_app_thread([&] { disk.release(); });
    EXPECT_EQ(woken.get(), 0);
    EXPECT_TRUE(first.get().ok());
    EXPECT_TRUE(second.get().ok());
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_queue_io_wait(client.bdev(), client.channel(), &entry), -EINVAL) << "one is free";
    });
}

TEST(NoBdevIo, ForwardBeyondTheFramesGoesOnWithTheReserve) {
    RawDisk disk("disk");
    std::vector<std::unique_ptr<RawLayer>> layers;
    TestHost host(with_pool_of(3));
    host.add(&raw_disk_module);
    call_on_app_thread([&] {
        ASSERT_EQ(disk.add(), 0);
        disk.hold = true;
        std::string base = "disk";
        for (int i = 1; i <= 10; i++) {
            std::string name = "layer" + std::to_string(i);
            layers.push_back(std::make_unique<RawLayer>(name, base));
            ASSERT_EQ(layers.back()->add(), 0);
            base = name;
        }
    });
    Client client("layer10", Access::write);
    auto first = client.start(write_zeroes(0));  // two bdev_ios: the second for the layers that have no frame
    auto second = client.start(write_zeroes(1));  // has the third, and finds a fourth beyond the pool
    settle(bdk_thread_get_app_thread());
    EXPECT_EQ(disk.held.size(), 2u);
    EXPECT_EQ(client.run(write_zeroes(2)).rc, -ENOMEM) << "the reserve is not for users";
    call_on_app_thread([&] {
        disk.hold = false;
        disk.release();
    });
    EXPECT_TRUE(first.get().ok());
    EXPECT_TRUE(second.get().ok());
}

TEST(NoBdevIo, ModuleGoesOnWithTheReserve) {
    RawDisk disk("disk");
    TestHost host(with_pool_of(2));
    host.add(&raw_disk_module);
    RawLayer layer("layer", "disk");
    std::vector<bdk_bdev_io*> kept;
    layer.on_submit = [&](bdk_bdev_io* io, bdk_bdev_desc* desc, bdk_io_channel* ch) {
        auto ended = [](bdk_bdev_io* base_io, bool, void* arg) {
            bdk_bdev_io_complete_base_io_status(static_cast<bdk_bdev_io*>(arg), base_io);
            bdk_bdev_free_io(base_io);
        };
        kept.push_back(io);
        for (bdk_bdev_io* each : kept.size() < 2 ? std::vector<bdk_bdev_io*>() : std::exchange(kept, {}))
            EXPECT_EQ(
                bdk_bdev_write_zeroes_blocks(desc, ch, each->u.bdev.offset_blocks, 1, nullptr, ended, each),
                0);
    };
    call_on_app_thread([&] {
        ASSERT_EQ(disk.add(), 0);
        ASSERT_EQ(layer.add(), 0);
    });
    Client client("layer", Access::write);
    for (int round = 0; round < 20; round++) {
        call_on_app_thread([&] { disk.hold = true; });
        auto first = client.start(write_zeroes(0));
        auto second = client.start(write_zeroes(1));
        settle(bdk_thread_get_app_thread());
        EXPECT_EQ(client.run(write_zeroes(2)).rc, -ENOMEM) << "the reserve is not for users";
        call_on_app_thread([&] {
            disk.hold = false;
            disk.release();
        });
        EXPECT_TRUE(first.get().ok());
        EXPECT_TRUE(second.get().ok());
    }
}

class Nomem : public testing::Test {
protected:
    Nomem() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { ASSERT_EQ(disk.add(), 0); });
    }
    RawDisk disk{"disk"};
    TestHost host;
};

TEST_F(Nomem, IsRetriedWithNothingElseInFlight) {
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.nomem_answers = 5; });
    EXPECT_TRUE(client.write(0, pattern(512)).ok());
    EXPECT_EQ(disk.seen.size(), 6u);
}

TEST_F(Nomem, IsRetriedWhenOnlyTheParentIsOutstanding) {
    RawDisk plain("plain");
    plain.io_types =
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE);
    call_on_app_thread([&] { ASSERT_EQ(plain.add(), 0); });
    {
        Client client("plain", Access::write);
        call_on_app_thread([&] { plain.nomem_answers = 3; });
        EXPECT_TRUE(client.write_zeroes(0, 8).ok());
        EXPECT_EQ(plain.seen.size(), 4u);
    }
    EXPECT_EQ(host.remove("plain"), 0);
}

TEST_F(Nomem, IsRetriedInOrderWhenAnotherIoCompletes) {
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    auto in_flight = client.start(write_zeroes(0));
    settle(bdk_thread_get_app_thread());
    call_on_app_thread([&] { disk.nomem_answers = 1; });
    std::vector<uint64_t> order;
    auto first = client.start(write_zeroes(1));
    auto second = client.start(write_zeroes(2));
    settle(bdk_thread_get_app_thread());
    EXPECT_EQ(disk.seen.size(), 2u) << "the second waits behind the first";
    call_on_app_thread([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            order.push_back(io->u.bdev.offset_blocks);
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
        disk.release();
    });
    EXPECT_TRUE(in_flight.get().ok());
    EXPECT_TRUE(first.get().ok());
    EXPECT_TRUE(second.get().ok());
    EXPECT_EQ(order, (std::vector<uint64_t>{1, 2}));
    call_on_app_thread([&] { disk.on_submit = nullptr; });
}

}  // namespace
}  // namespace bdk::test
