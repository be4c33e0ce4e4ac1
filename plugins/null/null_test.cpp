// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <algorithm>

#include "support/client.hpp"
#include "support/load.hpp"
#include "support/metadata_layout.hpp"
#include "support/protected_blocks.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

class NullTest : public testing::Test {
protected:
    NullTest() {
        host.load("null");
        EXPECT_EQ(host.create("null", "nothing", {{"size", 1 << 20}, {"block_size", 4096}}), 0);
    }

    TestHost host;
};

TEST_F(NullTest, HasTheSizeThatWasAskedFor) {
    Client client("nothing", Access::read);
    EXPECT_EQ(client.num_blocks(), 256u);
    EXPECT_EQ(client.block_size(), 4096u);
}

TEST_F(NullTest, CompletesEveryTypeThatItClaims) {
    Client client("nothing", Access::write);
    EXPECT_TRUE(client.write(3, pattern(8192)).ok());
    EXPECT_TRUE(client.try_read(3, 2).ok());
    EXPECT_TRUE(client.flush(0, 256).ok());
    EXPECT_TRUE(client.unmap(0, 256).ok());
    EXPECT_TRUE(client.write_zeroes(0, 256).ok());
    EXPECT_TRUE(client.reset().ok());
}

TEST_F(NullTest, ReadLeavesTheClientsBufferAlone) {
    Client client("nothing", Access::read);
    std::vector<std::byte> buffer = pattern(4096);
    EXPECT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_read_blocks(desc, ch, buffer.data(), 0, 1, nullptr, cb, arg);
                    })
                    .ok());
    EXPECT_EQ(buffer, pattern(4096));
}

TEST_F(NullTest, ReadWithoutBufferGivesZeroes) {
    Client client("nothing", Access::read);
    const IoResult result = client.read_without_buffer(0, 2);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.data, std::vector<std::byte>(8192));
}

TEST_F(NullTest, RefusesWhatItDoesNotSupport) {
    Client client("nothing", Access::write);
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_NVME_ADMIN));
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_SEEK_DATA));
    EXPECT_EQ(client
                  .run([](auto* desc, auto* ch, auto cb, void* arg) {
                      return bdk_bdev_seek_data(desc, ch, 0, nullptr, cb, arg);
                  })
                  .rc,
              -ENOTSUP);
}

TEST_F(NullTest, AbortEndsAQueuedIo) {
    Client client("nothing", Access::write);
    std::vector<std::byte> buffer(4096);
    Awaited<IoResult> write, abort;
    struct Two {
        std::function<void(IoResult)> write, abort;
    } two{write.setter(), abort.setter()};
    // Both are submitted in one message, so the poller has no chance in between.
    call_on(client.thread(), [&] {
        const auto write_done = [](bdk_bdev_io* io, bool, void* arg) {
            IoResult result;
            result.status = bdk_bdev_io_get_status(io);
            bdk_bdev_free_io(io);
            static_cast<Two*>(arg)->write(result);
        };
        const auto abort_done = [](bdk_bdev_io* io, bool, void* arg) {
            IoResult result;
            result.status = bdk_bdev_io_get_status(io);
            bdk_bdev_free_io(io);
            static_cast<Two*>(arg)->abort(result);
        };
        ASSERT_EQ(bdk_bdev_write_blocks(client.desc(), client.channel(), buffer.data(), 0, 1, nullptr,
                                        write_done, &two),
                  0);
        ASSERT_EQ(bdk_bdev_abort(client.desc(), client.channel(), &two, nullptr, abort_done, &two), 0);
    });
    EXPECT_EQ(write.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_EQ(abort.get().status, BDK_BDEV_IO_STATUS_SUCCESS);
}

TEST_F(NullTest, KeepsUpWithADeepQueueThatGrows) {
    Client client("nothing", Access::read);
    EXPECT_TRUE(Load(client, 1, 1000).wait().ok());
    EXPECT_TRUE(Load(client, 1024, 50000).wait().ok());
}

TEST(NullOnTwoReactors, EachThreadHasItsOwnQueue) {
    TestHost host(test_runtime_options_with_reactors(2));
    host.load("null");
    ASSERT_EQ(host.create("null", "nothing", {{"size", 1 << 20}}), 0);
    Client first("nothing", Access::read, host.new_thread("first", 0));
    Client second("nothing", Access::read, host.new_thread("second", 1));
    Load one(first, 32, 10000), two(second, 32, 10000);
    EXPECT_TRUE(one.wait().ok());
    EXPECT_TRUE(two.wait().ok());
}

TEST_F(NullTest, PollerWakesAfterItHasPaused) {
    Client client("nothing", Access::read);
    for (int round = 0; round < 3; round++) {
        EXPECT_TRUE(client.try_read(0, 1).ok());
        for (int turn = 0; turn < 200; turn++)
            call_on(client.thread(), [] {});
    }
    client.close();
    EXPECT_EQ(host.remove("nothing"), 0);
}

class ProtectedNull : public testing::TestWithParam<MetadataLayout> {
protected:
    ProtectedNull() {
        host.load("null");
        EXPECT_EQ(host.create("null", "nothing",
                              GetParam().options({{"size", 1 << 20}, {"dif_check_app_tag", true}})),
                  0);
    }

    TestHost host;
};

INSTANTIATE_TEST_SUITE_P(Layouts, ProtectedNull,
                         testing::Values(MetadataLayout{8, true, 1, false, 0},
                                         MetadataLayout{64, true, 2, true, 0},
                                         MetadataLayout{16, true, 3, false, 0},
                                         MetadataLayout{16, true, 1, false, 1}));

TEST_P(ProtectedNull, HasDataBlocksOfTheSizeThatWasAskedFor) {
    Client client("nothing", Access::read);
    EXPECT_EQ(client.num_blocks(), 2048u);
    EXPECT_EQ(client.block_size(), 512u + uint32_t(GetParam().md_size));
    EXPECT_EQ(bdk_bdev_get_data_block_size(client.bdev()), 512u);
}

TEST_P(ProtectedNull, ReadLeavesTheDataAndMakesThemValid) {
    Client client("nothing", Access::read);
    ProtectedBlocks blocks(client.bdev(), 7, pattern(3 * 512));
    blocks.inject(0, BDK_DIF_INJECT_GUARD | BDK_DIF_INJECT_APPTAG);
    blocks.inject(2, BDK_DIF_INJECT_REFTAG);
    ASSERT_TRUE(read_blocks(client, blocks).ok());
    EXPECT_EQ(blocks.data(), pattern(3 * 512));
}

TEST_P(ProtectedNull, ReadWithoutBufferGivesValidZeroes) {
    Client client("nothing", Access::read);
    const IoResult result = client.read_without_buffer(5, 2);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.data, ProtectedBlocks(client.bdev(), 5, std::vector<std::byte>(2 * 512)).bytes);
}

TEST_P(ProtectedNull, RefusesADamagedWrite) {
    Client client("nothing", Access::write);
    const ProtectedBlocks whole(client.bdev(), 7, pattern(3 * 512));
    EXPECT_TRUE(write_blocks(client, whole).ok());
    for (const auto& [what, sc] : {std::pair<uint32_t, uint32_t>{BDK_DIF_INJECT_GUARD, guard_error},
                                   {BDK_DIF_INJECT_DATA, guard_error},
                                   {BDK_DIF_INJECT_APPTAG, app_tag_error},
                                   {BDK_DIF_INJECT_REFTAG, ref_tag_error}}) {
        if (GetParam().dif_type == 3 && what == BDK_DIF_INJECT_REFTAG) continue;
        ProtectedBlocks damaged = whole;
        damaged.inject(1, what);
        const IoResult result = write_blocks(client, damaged);
        EXPECT_EQ(result.nvme_sct, 2u);
        EXPECT_EQ(result.nvme_sc, sc);
    }
}

TEST(NullOptions, AreChecked) {
    TestHost host;
    host.load("null");
    EXPECT_EQ(host.create("null", "odd", {{"size", 1 << 20}, {"block_size", 520}}), -EINVAL);
    EXPECT_EQ(host.create("null", "cut", {{"size", 1000}, {"block_size", 512}}), -EINVAL);
    EXPECT_EQ(host.create("null", "odd", {{"size", 1 << 20}, {"dif_type", 1}}), -EINVAL) << "no metadata";
    EXPECT_EQ(host.create("null", "odd", {{"size", 1 << 20}, {"md_size", 12}}), -EINVAL);
    EXPECT_EQ(host.create("null", "odd", {{"size", 1 << 20}, {"physical_block_size", 256}}), -EINVAL);
    EXPECT_FALSE(host.exists("odd"));
    EXPECT_EQ(host.create("null", "good", {{"size", 1024}}), 0);
    EXPECT_EQ(host.create("null", "good", {{"size", 1024}}), -EEXIST);
    EXPECT_EQ(host.remove("good"), 0);
}

}  // namespace
}  // namespace bdk::test
