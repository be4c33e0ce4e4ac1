// SPDX-License-Identifier: BSD-3-Clause
// The module of the README, and with it TransformBdev.
#include <bdevkit/memory.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "support/client.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Io;
using bdevkit::IoStatus;

class XorTest : public testing::Test {
protected:
    XorTest() {
        TestDisk::configure() = nullptr;
        host.load(XOR_PLUGIN);
        EXPECT_EQ(host.add(&test_disk_module), 0);
        EXPECT_EQ(host.create("test_disk", "base", {{"blocks", 8192}}), 0);
        EXPECT_EQ(host.create("xor", "plain", {{"base", "base"}, {"key", 0x5a}}), 0);
    }

    static std::vector<std::byte> scrambled(std::vector<std::byte> data) {
        for (std::byte& b : data)
            b ^= std::byte{0x5a};
        return data;
    }
    std::vector<std::byte> stored(uint64_t block, uint64_t count) {
        const auto& data = TestDisk::named("base").data();
        return {data.begin() + ptrdiff_t(block * 512), data.begin() + ptrdiff_t((block + count) * 512)};
    }

    TestHost host;
};

TEST_F(XorTest, StoresScrambledAndReadsPlain) {
    Client client("plain", Access::write);
    std::vector<std::byte> data = pattern(3 * 512);
    ASSERT_TRUE(client.write(7, data).ok());
    EXPECT_EQ(data, pattern(3 * 512)) << "the client's buffer is as it was";
    EXPECT_EQ(stored(7, 3), scrambled(pattern(3 * 512)));
    EXPECT_EQ(client.read(7, 3), pattern(3 * 512));
    EXPECT_EQ(client.read_without_buffer(7, 3).data, pattern(3 * 512));
}

TEST_F(XorTest, GathersAndScattersIovecs) {
    Client client("plain", Access::write);
    std::vector<std::byte> data = pattern(1024), back(1024);
    std::array<iovec, 3> from{{{data.data(), 1}, {data.data() + 1, 600}, {data.data() + 601, 423}}};
    std::array<iovec, 2> into{{{back.data(), 1000}, {back.data() + 1000, 24}}};
    ASSERT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_writev_blocks(desc, ch, from.data(), 3, 0, 2, nullptr, cb, arg);
                    })
                    .ok());
    ASSERT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_readv_blocks(desc, ch, into.data(), 2, 0, 2, nullptr, cb, arg);
                    })
                    .ok());
    EXPECT_EQ(back, pattern(1024));
    EXPECT_EQ(stored(0, 2), scrambled(pattern(1024)));
}

TEST_F(XorTest, WritesWithoutABufferToBeHad) {
    bdk_iobuf_channel* iobuf = nullptr;
    std::vector<void*> taken;
    call_on_app_thread([&] {
        iobuf = bdk_iobuf_channel_open("greedy");
        while (void* buffer = bdk_iobuf_get(iobuf, 512, nullptr))
            taken.push_back(buffer);
    });
    Client client("plain", Access::write);
    EXPECT_TRUE(client.write(7, pattern(512)).ok());
    EXPECT_EQ(stored(7, 1), scrambled(pattern(512)));
    call_on_app_thread([&] {
        for (void* buffer : taken)
            bdk_iobuf_put(iobuf, buffer, 512);
        bdk_iobuf_channel_close(iobuf);
    });
}

TEST_F(XorTest, ZeroesReadAsZeroes) {
    Client client("plain", Access::write);
    ASSERT_TRUE(client.write(0, pattern(4096)).ok());
    ASSERT_TRUE(client.write_zeroes(2, 4).ok());
    EXPECT_EQ(client.read(2, 4), std::vector<std::byte>(2048));
    EXPECT_EQ(stored(2, 4), scrambled(std::vector<std::byte>(2048)));
}

TEST_F(XorTest, HandsTheBasesErrorsUp) {
    call_on_app_thread([] { TestDisk::named("base").on_submit = [](Io io) { io.complete_errno(-ENOSPC); }; });
    Client client("plain", Access::write);
    EXPECT_EQ(client.write(0, pattern(512)).aio_errno, -ENOSPC);
    EXPECT_EQ(client.try_read(0, 1).aio_errno, -ENOSPC);
}

TEST_F(XorTest, ManyWritesWaitForBuffersInsteadOfFailing) {
    Client client("plain", Access::write);
    std::vector<Io> held;
    TestDisk& base = TestDisk::named("base");
    call_on_app_thread([&] { base.on_submit = [&](Io io) { held.push_back(io); }; });
    std::vector<std::byte> data = pattern(64 * 512);
    std::vector<Awaited<IoResult>> writes;
    for (uint64_t i = 0; i < 120; i++)
        writes.push_back(client.start([&, i](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, data.data(), i * 64, 64, nullptr, cb, arg);
        }));
    settle(client.thread());
    call_on_app_thread([&] {
        EXPECT_LT(held.size(), 120u) << "the large buffers are used up";
        base.on_submit = [&](Io io) { base.serve(io); };
        for (Io io : held)
            base.serve(io);
    });
    for (auto& write : writes)
        EXPECT_TRUE(write.get().ok());
    EXPECT_EQ(client.read(119 * 64, 64), data);
}

TEST_F(XorTest, RefusesABaseWithMetadata) {
    TestDisk::configure() = [](bdk_bdev& bdev) { bdev.md_len = 8; };
    ASSERT_EQ(host.create("test_disk", "with_metadata", {}), 0);
    EXPECT_EQ(host.create("xor", "other", {{"base", "with_metadata"}}), -ENOTSUP);
}

}  // namespace
}  // namespace bdk::test
