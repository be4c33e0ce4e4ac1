// SPDX-License-Identifier: BSD-3-Clause
// I/O that waits in the core, for whatever: a close ends it, and so does an abort, at any layer.
#include <bdevkit/qos.h>
#include <bdevkit/quiesce.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr int without_end = std::numeric_limits<int>::max();

class WaitingIo : public testing::Test {
protected:
    WaitingIo() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] {
            EXPECT_EQ(disk.add(), 0);
            EXPECT_EQ(top.add(), 0);
        });
    }

    static Awaited<IoResult> start_write(Client& client, uint64_t block, uint64_t count = 1) {
        return client.start([=](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_zeroes_blocks(desc, ch, block, count, nullptr, cb, arg);
        });
    }
    static Awaited<IoResult> start_read(Client& client) {
        return client.start([](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_read_blocks(desc, ch, buffer, 0, 1, nullptr, cb, arg);
        });
    }
    static Awaited<IoResult> start_reset(Client& client) {
        return client.start([](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_reset(desc, ch, nullptr, cb, arg);
        });
    }
    static void expect_aborted(Awaited<IoResult>& io) {
        ASSERT_TRUE(io.comes_within(std::chrono::seconds(60))) << "the core holds it still";
        EXPECT_EQ(io.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    }
    void expect_waiting(const Awaited<IoResult>& io) {
        settle(app);
        EXPECT_FALSE(io.is_ready());
    }

    int quiesce(bdk_bdev* bdev) {
        return await_on_app_thread([&](Done done) {
            auto* kept = new Done(std::move(done));
            const auto cb = [](int rc, void* ctx) { (*std::unique_ptr<Done>(static_cast<Done*>(ctx)))(rc); };
            ASSERT_EQ(bdk_bdev_quiesce(bdev, &raw_disk_module, cb, kept), 0);
        });
    }
    int limit(bdk_bdev* bdev, uint64_t iops) {
        return await_on_app_thread([&](Done done) {
            bdk_bdev_qos_limits limits{.size = sizeof(limits), .rw_iops = iops};
            auto* kept = new Done(std::move(done));
            const auto cb = [](int rc, void* ctx) { (*std::unique_ptr<Done>(static_cast<Done*>(ctx)))(rc); };
            bdk_bdev_set_qos_rate_limits(bdev, &limits, cb, kept);
        });
    }

    static inline std::byte buffer[512] = {};
    RawDisk disk{"disk"};
    RawLayer top{"top", "disk"};
    TestHost host;
    bdk_thread* app = bdk_thread_get_app_thread();
};

TEST_F(WaitingIo, EndsWithTheCloseWhenTheModuleHasNoMemory) {
    Client client("top", Access::write);
    call_on_app_thread([&] { disk.nomem_answers = without_end; });
    auto first = start_write(client, 0);
    auto second = start_write(client, 1);
    expect_waiting(first);
    client.close();
    expect_aborted(first);
    expect_aborted(second);
    EXPECT_EQ(host.remove("top"), 0);
}

TEST_F(WaitingIo, DoesNotBeginToWaitForASubmitterThatHasClosed) {
    Client client("top", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    auto write = start_write(client, 0);
    settle(app);
    post(app, [&] { client.close_here(); });
    expect_waiting(write);
    call_on_app_thread([&] { disk.release(BDK_BDEV_IO_STATUS_NOMEM); });
    expect_aborted(write);
}

TEST_F(WaitingIo, OfOthersGoesOnAfterAClose) {
    Client stays("disk", Access::read);
    Client goes("top", Access::write);
    call_on_app_thread([&] { disk.nomem_answers = without_end; });
    auto read = start_read(stays);
    auto write = start_write(goes, 1);
    settle(app);
    goes.close();
    expect_aborted(write);
    expect_waiting(read);
    call_on_app_thread([&] { disk.nomem_answers = 0; });
    EXPECT_TRUE(read.get().ok());
}

TEST_F(WaitingIo, EndsWithTheCloseOnAQuiescedBdev) {
    Client client("top", Access::write);
    ASSERT_EQ(quiesce(&disk.bdev), 0);
    auto write = start_write(client, 0);
    expect_waiting(write);
    client.close();
    expect_aborted(write);
}

TEST_F(WaitingIo, EndsWithTheCloseUnderARateLimit) {
    Client client("top", Access::write);
    ASSERT_EQ(limit(&disk.bdev, 1), 0);
    std::vector<Awaited<IoResult>> reads(100);
    for (auto& read : reads)
        read = start_read(client);
    expect_waiting(reads.back());
    client.close();
    expect_aborted(reads.back());
}

TEST_F(WaitingIo, EndsWithTheCloseWhileAResetRuns) {
    Client resets("disk", Access::read);
    Client client("top", Access::write);
    call_on_app_thread([&] { disk.hold = true; });
    auto running = start_reset(resets);
    settle(app);
    auto write = start_write(client, 0);
    auto queued = start_reset(client);
    expect_waiting(write);
    expect_waiting(queued);
    client.close();
    expect_aborted(write);
    expect_aborted(queued);
    call_on_app_thread([&] { disk.release(); });
    EXPECT_TRUE(running.get().ok());
}

TEST_F(WaitingIo, EndsWithTheCloseWhereItWaitsForItsRange) {
    RawDisk plain("plain");
    plain.io_types =
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE);
    call_on_app_thread([&] { ASSERT_EQ(plain.add(), 0); });
    {
        Client holds("plain", Access::write);
        Client waits("plain", Access::write);
        const auto compare_and_write = [](auto* desc, auto* ch, auto cb, void* arg) {
            static iovec piece{buffer, sizeof(buffer)};
            return bdk_bdev_comparev_and_writev_blocks(desc, ch, &piece, 1, &piece, 1, 0, 1, nullptr, cb,
                                                       arg);
        };
        Awaited<IoResult> first, second;
        call_on_app_thread([&] {
            plain.hold = true;
            holds.submit_here(compare_and_write, first.setter());
            waits.submit_here(compare_and_write, second.setter());
        });
        expect_waiting(second);
        waits.close();
        expect_aborted(second);
        call_on_app_thread([&] {
            plain.hold = false;
            plain.release();
        });
        EXPECT_TRUE(first.get().ok());
    }
    EXPECT_EQ(host.remove("plain"), 0);
}

TEST_F(WaitingIo, OfABaseIsAbortedWhateverTheLayersAboveSupport) {
    RawLayer plain("plain", "top");
    plain.io_types = BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE_ZEROES);
    call_on_app_thread([&] { ASSERT_EQ(plain.add(), 0); });
    {
        Client client("plain", Access::write);
        EXPECT_EQ(client.abort(nullptr).rc, -ENOTSUP) << "nothing waits";
        call_on_app_thread([&] { disk.nomem_answers = without_end; });
        auto write = start_write(client, 0);
        expect_waiting(write);
        EXPECT_TRUE(client.abort(nullptr).ok());
        expect_aborted(write);
    }
    EXPECT_EQ(host.remove("plain"), 0);
}

TEST_F(WaitingIo, OfPiecesAtABaseIsAborted) {
    RawDisk small("small");
    small.bdev.max_write_zeroes = 4;
    RawLayer over("over", "small");
    call_on_app_thread([&] {
        ASSERT_EQ(small.add(), 0);
        ASSERT_EQ(over.add(), 0);
        small.nomem_answers = without_end;
    });
    {
        Client client("over", Access::write);
        auto write = start_write(client, 0, 16);
        expect_waiting(write);
        EXPECT_TRUE(client.abort(nullptr).ok());
        expect_aborted(write);
        auto again = start_write(client, 0, 16);
        expect_waiting(again);
        client.close();
        expect_aborted(again);
    }
    EXPECT_EQ(host.remove("over"), 0);
    EXPECT_EQ(host.remove("small"), 0);
}

}  // namespace
}  // namespace bdk::test
