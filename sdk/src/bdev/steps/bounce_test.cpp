// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/memory.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "support/client.hpp"
#include "support/strict_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// Memory in which a buffer starts `off` bytes after a multiple of 4096.
struct Aligned {
    explicit Aligned(size_t bytes, size_t off = 0) : memory(bytes + 8192) {
        auto address = reinterpret_cast<uintptr_t>(memory.data());
        start = memory.data() + (4096 - address % 4096) % 4096 + off;
    }
    std::vector<std::byte> memory;
    std::byte* start;
};

class Bounce : public testing::Test {
protected:
    Bounce() { host.add(&raw_disk_module); }

    void add(uint32_t required_alignment) {
        disk.bdev.required_alignment = required_alignment;
        call_on_app_thread([&] {
            ASSERT_EQ(disk.add_strict(), 0);
            disk.on_submit = [this, take = disk.on_submit](bdk_bdev_io* io) {
                if (io->u.bdev.iovcnt > 0) bases.push_back(io->u.bdev.iovs[0].iov_base);
                take(io);
            };
        });
    }

    static IoResult write(Client& client, std::byte* from, uint64_t blocks) {
        return client.run([=](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, from, 0, blocks, nullptr, cb, arg);
        });
    }
    static IoResult read(Client& client, std::byte* to, uint64_t blocks) {
        return client.run([=](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_read_blocks(desc, ch, to, 0, blocks, nullptr, cb, arg);
        });
    }

    StrictDisk disk{"disk", 4096};
    TestHost host;
    std::vector<void*> bases;  ///< of the data that came to the disk
};

TEST_F(Bounce, MisalignedDataGoThroughABuffer) {
    add(12);
    Client client("disk", Access::write);
    Client::Data data = pattern(8 * 512);
    Aligned out(8 * 512, 1), in(8 * 512, 3);
    std::copy(data.begin(), data.end(), out.start);
    EXPECT_TRUE(write(client, out.start, 8).ok());
    EXPECT_TRUE(read(client, in.start, 8).ok());
    EXPECT_TRUE(std::equal(data.begin(), data.end(), in.start));
    EXPECT_EQ(disk.wrong, "");
    EXPECT_EQ(in.start[-1], std::byte{0});
    EXPECT_EQ(in.start[8 * 512], std::byte{0});
}

TEST_F(Bounce, AlignedDataGoAsTheyAre) {
    add(12);
    Client client("disk", Access::write);
    Aligned out(8 * 512);
    EXPECT_TRUE(write(client, out.start, 8).ok());
    EXPECT_EQ(bases, std::vector<void*>{out.start});
}

TEST_F(Bounce, OneMisalignedPieceIsEnough) {
    add(9);
    Client client("disk", Access::write);
    Client::Data data = pattern(4 * 512);
    Aligned memory(8 * 512);
    iovec iovs[] = {{memory.start, 512}, {memory.start + 1024, 100}, {memory.start + 1500, 3 * 512 - 100}};
    std::copy_n(data.begin(), 512, memory.start);
    std::copy_n(data.begin() + 512, 100, memory.start + 1024);
    std::copy_n(data.begin() + 612, 3 * 512 - 100, memory.start + 1500);
    EXPECT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_writev_blocks(desc, ch, iovs, 3, 0, 4, nullptr, cb, arg);
                    })
                    .ok());
    EXPECT_EQ(disk.wrong, "");
    EXPECT_EQ(client.read(0, 4), data);
}

TEST_F(Bounce, LongerThanTheHostsBuffersToo) {
    add(12);
    Client client("disk", Access::write);
    uint64_t blocks = 4096;
    ASSERT_GT(blocks * 512, bdk_iobuf_max_len());
    Client::Data data = pattern(blocks * 512);
    Aligned memory(blocks * 512, 8);
    std::copy(data.begin(), data.end(), memory.start);
    EXPECT_TRUE(write(client, memory.start, blocks).ok());
    EXPECT_EQ(disk.wrong, "");
    EXPECT_TRUE(std::equal(data.begin(), data.end(), disk.data.begin()));
}

TEST_F(Bounce, FailedReadLeavesTheClientsMemory) {
    add(12);
    Client client("disk", Access::read);
    call_on_app_thread([&] {
        disk.on_submit = [](bdk_bdev_io* io) {
            std::memset(io->u.bdev.iovs[0].iov_base, 0xee, 512);
            bdk_bdev_io_complete_nvme_status(io, 0, 2, 0x81);
        };
    });
    Aligned memory(512, 1);
    EXPECT_EQ(read(client, memory.start, 1).status, BDK_BDEV_IO_STATUS_NVME_ERROR);
    EXPECT_EQ(memory.start[0], std::byte{0});
}

TEST_F(Bounce, BufferThatTheHostGivesIsAligned) {
    add(12);
    Client client("disk", Access::write);
    EXPECT_TRUE(client.read_without_buffer(0, 3).ok());
    EXPECT_EQ(disk.wrong, "");
    EXPECT_EQ(bases.size(), 1u);
}

TEST_F(Bounce, ManyWaitForFewBuffers) {
    add(12);
    Client client("disk", Access::write);
    call_on_app_thread([&] { disk.shuffle(7); });
    constexpr size_t count = 2000;
    std::vector<Aligned> buffers;
    for (size_t i = 0; i < count; i++)
        buffers.emplace_back(32 * 512, 4);
    std::vector<Awaited<IoResult>> writes;
    for (Aligned& buffer : buffers)
        writes.push_back(client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_write_blocks(desc, ch, buffer.start, 0, 32, nullptr, cb, arg);
        }));
    for (auto& write : writes)
        EXPECT_TRUE(write.get().ok());
    call_on_app_thread([&] { disk.calm(); });
    EXPECT_EQ(disk.wrong, "");
}

}  // namespace
}  // namespace bdk::test
