// SPDX-License-Identifier: BSD-3-Clause
// Rate limits. Nothing here depends on the speed of the machine: I/O that must wait has a limit that would
// let it pass hours later.
#include <bdevkit/qos.h>
#include <gtest/gtest.h>

#include "json/json_writer.hpp"
#include "support/client.hpp"
#include "support/load.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t block = 512;
constexpr uint64_t hours_away = 1;  ///< bytes per second: the second I/O of a block waits for 512 s

class Qos : public testing::Test {
protected:
    Qos() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    }

    static bdk_bdev_qos_limits none() {
        bdk_bdev_qos_limits limits{};
        limits.size = sizeof(limits);
        return limits;
    }

    static void set(Client& client, const bdk_bdev_qos_limits& limits) {
        Awaited<int> done;
        auto setter = done.setter();
        auto cb = [](int rc, void* ctx) { (*static_cast<std::function<void(int)>*>(ctx))(rc); };
        post(client.thread(), [&] { bdk_bdev_set_qos_rate_limits(client.bdev(), &limits, cb, &setter); });
        EXPECT_EQ(done.get(), 0);
    }

    static void limit_writes(Client& client, uint64_t bytes_per_second) {
        bdk_bdev_qos_limits limits = none();
        limits.write_bytes_per_second = bytes_per_second;
        set(client, limits);
    }

    Awaited<IoResult> start_write(Client& client, uint64_t at, void** token = nullptr) {
        return client.start(
            [this, at](bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb, void* arg) {
                return bdk_bdev_write_blocks(desc, ch, data, at, 1, nullptr, cb, arg);
            },
            token);
    }

    RawDisk disk{"disk"};
    TestHost host;
    char data[block] = {};
};

TEST_F(Qos, LimitsAreSetKeptAndShown) {
    Client client("disk", Access::write);
    bdk_bdev_qos_limits limits = none();
    limits.rw_iops = 1000;
    limits.read_bytes_per_second = 1 << 20;
    set(client, limits);
    bdk_bdev_qos_limits change = none();
    change.rw_iops = BDK_BDEV_QOS_KEEP;
    change.write_bytes_per_second = 4096;
    set(client, change);
    bdk_bdev_qos_limits now = none();
    EXPECT_EQ(bdk_bdev_get_qos_rate_limits(client.bdev(), &now), 0);
    EXPECT_EQ(now.rw_iops, 1000u);
    EXPECT_EQ(now.read_bytes_per_second, 0u);
    EXPECT_EQ(now.write_bytes_per_second, 4096u);
    call_on_app_thread([&] {
        bdk_json_writer w;
        bdk_bdev_dump_info_json(client.bdev(), &w);
        EXPECT_EQ(w.root()["qos"]["rw_iops"], 1000);
        EXPECT_EQ(w.root()["qos"]["write_bytes_per_second"], 4096);
    });
}

TEST_F(Qos, IoBeyondTheLimitWaitsAndOtherIoPasses) {
    Client client("disk", Access::write);
    limit_writes(client, hours_away);
    EXPECT_TRUE(start_write(client, 0).get().ok()) << "larger than what passes in a second";
    auto waits = start_write(client, 1);
    EXPECT_TRUE(client.try_read(0, 1).ok()) << "reads have no limit";
    EXPECT_TRUE(client.write_zeroes(4, 1).ok());
    EXPECT_TRUE(client.unmap(4, 1).ok());
    EXPECT_TRUE(client.copy(5, 4, 1).ok());
    EXPECT_TRUE(client.flush(0, 1).ok());
    EXPECT_FALSE(waits.is_ready());
    set(client, none());
    EXPECT_TRUE(waits.get().ok()) << "the limit is gone";
}

TEST_F(Qos, WaitingIoKeepsItsOrder) {
    Client client("disk", Access::write);
    limit_writes(client, hours_away);
    std::vector<uint64_t> order;
    call_on_app_thread([&] {
        disk.on_submit = [&](bdk_bdev_io* io) {
            order.push_back(io->u.bdev.offset_blocks);
            bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
        };
    });
    std::vector<Awaited<IoResult>> writes;
    for (uint64_t at : {9, 3, 7, 1})
        writes.push_back(start_write(client, at));
    settle(client.thread());
    limit_writes(client, 1ull << 40);
    for (auto& write : writes)
        EXPECT_TRUE(write.get().ok());
    EXPECT_EQ(order, (std::vector<uint64_t>{9, 3, 7, 1}));
}

TEST_F(Qos, LimitHoldsForAllThreadsTogether) {
    Client here("disk", Access::write);
    Client there("disk", Access::write, host.new_thread("there"));
    limit_writes(here, hours_away);
    EXPECT_TRUE(start_write(there, 0).get().ok());
    auto waits = start_write(here, 1);
    settle(here.thread());
    EXPECT_FALSE(waits.is_ready()) << "the other thread has had its tokens";
    set(there, none());
    EXPECT_TRUE(waits.get().ok());
}

TEST_F(Qos, LimitHoldsForChannelsThatComeLater) {
    Client first("disk", Access::write);
    limit_writes(first, hours_away);
    EXPECT_TRUE(start_write(first, 0).get().ok());
    Client later("disk", Access::write);
    auto waits = start_write(later, 1);
    settle(later.thread());
    EXPECT_FALSE(waits.is_ready());
    set(first, none());
    EXPECT_TRUE(waits.get().ok());
}

TEST_F(Qos, AbortEndsWaitingIo) {
    Client client("disk", Access::write);
    limit_writes(client, hours_away);
    EXPECT_TRUE(start_write(client, 0).get().ok());
    void* token = nullptr;
    auto waits = start_write(client, 1, &token);
    auto other = start_write(client, 2);
    settle(client.thread());
    EXPECT_TRUE(client.abort(token).ok());
    EXPECT_EQ(waits.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_FALSE(other.is_ready());
    set(client, none());
    EXPECT_TRUE(other.get().ok());
}

TEST_F(Qos, ResetEndsWaitingIo) {
    Client client("disk", Access::write);
    limit_writes(client, hours_away);
    EXPECT_TRUE(start_write(client, 0).get().ok());
    auto waits = start_write(client, 1);
    settle(client.thread());
    EXPECT_TRUE(client.reset().ok());
    EXPECT_EQ(waits.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    auto later = start_write(client, 2);
    settle(client.thread());
    EXPECT_FALSE(later.is_ready()) << "a reset pays no debts";
    set(client, none());
    EXPECT_TRUE(later.get().ok());
}

TEST_F(Qos, RemovalEndsTheLimits) {
    Client client("disk", Access::write);
    limit_writes(client, hours_away);
    EXPECT_TRUE(start_write(client, 0).get().ok());
    auto waits = start_write(client, 1);
    settle(client.thread());
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_TRUE(waits.get().ok());
}

TEST_F(Qos, ForwardedIoIsLimitedAtItsBase) {
    RawLayer layer("layer", "disk");
    call_on_app_thread([&] { ASSERT_EQ(layer.add(), 0); });
    {
        Client top("layer", Access::write);
        Client base("disk", Access::read);
        limit_writes(base, hours_away);
        EXPECT_TRUE(start_write(top, 0).get().ok());
        auto waits = start_write(top, 1);
        settle(top.thread());
        EXPECT_FALSE(waits.is_ready());
        set(base, none());
        EXPECT_TRUE(waits.get().ok());
    }
    EXPECT_EQ(host.remove("layer"), 0);
}

/// Counts the I/O that passes in some time, however long that is.
TEST_F(Qos, NoMorePassesThanTheRateAllows) {
    constexpr uint64_t iops = 20'000, ios = 4'000, depth = 32;
    Client here("disk", Access::write);
    Client there("disk", Access::write, host.new_thread("there"));
    bdk_bdev_qos_limits limits = none();
    limits.rw_iops = iops;
    set(here, limits);
    uint64_t begin = bdk_get_time_ns();
    Load first(here, depth, ios / 2 - depth);
    Load second(there, depth, ios / 2 - depth);
    EXPECT_TRUE(first.wait().ok());
    EXPECT_TRUE(second.wait().ok());
    double seconds = static_cast<double>(bdk_get_time_ns() - begin) / 1e9;
    constexpr double burst = iops / 50.0;
    EXPECT_LE(static_cast<double>(ios), iops * seconds + burst + 1);
}

TEST_F(Qos, ChangesAndEndWhileIoRunsOnTwoThreads) {
    Client here("disk", Access::write);
    Client there("disk", Access::write, host.new_thread("there"));
    Load first(here, 16, 20'000);
    Load second(there, 16, 20'000);
    for (uint64_t iops = 1000; iops < 100'000; iops *= 2) {
        bdk_bdev_qos_limits limits = none();
        limits.rw_iops = iops;
        limits.read_bytes_per_second = iops % 3 == 0 ? iops * block : 0;
        set(here, limits);
    }
    set(there, none());
    EXPECT_TRUE(first.wait().ok());
    EXPECT_TRUE(second.wait().ok());
}

}  // namespace
}  // namespace bdk::test
