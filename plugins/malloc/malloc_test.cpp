// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "support/client.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t mib = 1 << 20;

class MallocTest : public testing::Test {
protected:
    MallocTest() {
        host.load("malloc");
        EXPECT_EQ(host.create("malloc", "disk", {{"size", uint64_t{64 * mib}}, {"block_size", 4096}}), 0);
    }

    TestHost host;
};

std::vector<std::byte> zeroes(size_t length) {
    return std::vector<std::byte>(length);
}

TEST_F(MallocTest, ReadsZeroesUntilWritten) {
    Client client("disk", Access::read);
    EXPECT_EQ(client.read(0, 4), zeroes(4 * 4096));
    EXPECT_EQ(client.read(client.num_blocks() - 1, 1), zeroes(4096));
}

TEST_F(MallocTest, ReadsWhatWasWritten) {
    Client client("disk", Access::write);
    ASSERT_TRUE(client.write(7, pattern(3 * 4096, 1)).ok());
    ASSERT_TRUE(client.write(client.num_blocks() - 1, pattern(4096, 2)).ok());
    EXPECT_EQ(client.read(7, 3), pattern(3 * 4096, 1));
    EXPECT_EQ(client.read(client.num_blocks() - 1, 1), pattern(4096, 2));
    EXPECT_EQ(client.read(10, 1), zeroes(4096));
    EXPECT_EQ(client.read(6, 1), zeroes(4096));
}

TEST_F(MallocTest, GathersAndScattersIovecs) {
    Client client("disk", Access::write);
    std::vector<std::byte> data = pattern(3 * 4096);
    std::array<iovec, 3> pieces{{{data.data(), 100}, {data.data() + 100, 8000}, {data.data() + 8100, 4188}}};
    ASSERT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_writev_blocks(desc, ch, pieces.data(), 3, 5, 3, nullptr, cb, arg);
                    })
                    .ok());
    EXPECT_EQ(client.read(5, 3), data);

    std::vector<std::byte> back(3 * 4096);
    std::array<iovec, 2> into{{{back.data(), 5000}, {back.data() + 5000, 7288}}};
    ASSERT_TRUE(client
                    .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_readv_blocks(desc, ch, into.data(), 2, 5, 3, nullptr, cb, arg);
                    })
                    .ok());
    EXPECT_EQ(back, data);
}

TEST_F(MallocTest, ReadWithoutBufferGetsOne) {
    Client client("disk", Access::write);
    ASSERT_TRUE(client.write(1, pattern(4096)).ok());
    const IoResult result = client.read_without_buffer(1, 1);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.data, pattern(4096));
}

TEST_F(MallocTest, UnmapAndWriteZeroesZeroExactlyTheRange) {
    Client client("disk", Access::write);
    const std::vector<std::byte> all = pattern(64 * 4096);
    for (const bool unmap : {false, true}) {
        ASSERT_TRUE(client.write(0, all).ok());
        ASSERT_TRUE((unmap ? client.unmap(3, 40) : client.write_zeroes(3, 40)).ok());
        std::vector<std::byte> expected = all;
        std::fill_n(expected.begin() + 3 * 4096, 40 * 4096, std::byte{0});
        EXPECT_EQ(client.read(0, 64), expected);
    }
}

TEST_F(MallocTest, ZeroingBlocksSmallerThanAPageKeepsTheirNeighbours) {
    ASSERT_EQ(host.create("malloc", "fine", {{"size", uint64_t{4 * mib}}, {"block_size", 512}}), 0);
    Client client("fine", Access::write);
    const std::vector<std::byte> all = pattern(mib);
    for (const auto& [first, count] :
         {std::pair{1, 30}, std::pair{7, 1}, std::pair{8, 8}, std::pair{5, 1000}}) {
        ASSERT_TRUE(client.write(0, all).ok());
        ASSERT_TRUE(client.unmap(uint64_t(first), uint64_t(count)).ok());
        std::vector<std::byte> expected = all;
        std::fill_n(expected.begin() + first * 512, count * 512, std::byte{0});
        EXPECT_EQ(client.read(0, all.size() / 512), expected) << first << ", " << count;
    }
}

TEST_F(MallocTest, ZeroesLargeRangesStepByStep) {
    Client client("disk", Access::write);
    const uint64_t last = client.num_blocks() - 1;
    ASSERT_TRUE(client.write(last, pattern(4096, 1)).ok());
    ASSERT_TRUE(client.write(5000, pattern(4096, 2)).ok());
    Awaited<IoResult> zeroing = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_unmap_blocks(desc, ch, 1, last - 1, nullptr, cb, arg);
    });
    EXPECT_TRUE(client.write(0, pattern(4096, 3)).ok()) << "other I/O goes on meanwhile";
    EXPECT_TRUE(zeroing.get().ok());
    EXPECT_EQ(client.read(5000, 1), zeroes(4096));
    EXPECT_EQ(client.read(0, 1), pattern(4096, 3));
    EXPECT_EQ(client.read(last, 1), pattern(4096, 1));
}

/// Bytes of this process that are in memory.
uint64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    uint64_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * uint64_t(sysconf(_SC_PAGESIZE));
}

TEST_F(MallocTest, UnmapGivesMemoryBack) {
    Client client("disk", Access::write);
    for (uint64_t block = 0; block < client.num_blocks(); block += 256)
        ASSERT_TRUE(client.write(block, pattern(mib)).ok());
    const uint64_t full = resident_bytes();
    ASSERT_TRUE(client.unmap(0, client.num_blocks()).ok());
    EXPECT_LT(resident_bytes() + 48 * mib, full);
    EXPECT_EQ(client.read(100, 1), zeroes(4096));
}

TEST_F(MallocTest, FourGibibytesCostNothingUntilTouched) {
    const uint64_t before = resident_bytes();
    ASSERT_EQ(host.create("malloc", "large", {{"size", 4096 * mib}, {"block_size", 4096}}), 0);
    Client client("large", Access::write);
    ASSERT_TRUE(client.write(client.num_blocks() - 1, pattern(4096)).ok());
    EXPECT_EQ(client.read(client.num_blocks() - 1, 1), pattern(4096));
    EXPECT_LT(resident_bytes(), before + 64 * mib);
}

TEST_F(MallocTest, ComparesAndCopies) {
    Client client("disk", Access::write);
    ASSERT_TRUE(client.write(0, pattern(8192)).ok());
    EXPECT_TRUE(client.compare(0, pattern(8192)).ok());
    std::vector<std::byte> other = pattern(8192);
    other.back() ^= std::byte{1};
    EXPECT_EQ(client.compare(0, other).status, BDK_BDEV_IO_STATUS_MISCOMPARE);

    ASSERT_TRUE(client.copy(100, 0, 2).ok());
    EXPECT_EQ(client.read(100, 2), pattern(8192));
    ASSERT_TRUE(client.copy(1, 0, 2).ok()) << "overlapping";
    EXPECT_EQ(client.read(1, 2), pattern(8192));
}

TEST_F(MallocTest, LendsItsMemoryForZcopy) {
    Client client("disk", Access::write);
    ASSERT_TRUE(client.write(9, pattern(4096)).ok());
    bdk_bdev_io* started = nullptr;
    const std::vector<std::byte> changed = pattern(4096, 2);
    Awaited<bool> lent, returned;
    struct Zcopy {
        bdk_bdev_io** io;
        std::function<void(bool)> lent, returned;
    } zcopy{&started, lent.setter(), returned.setter()};
    call_on(client.thread(), [&] {
        ASSERT_EQ(bdk_bdev_zcopy_start(
                      client.desc(), client.channel(), 9, 1, true, nullptr,
                      [](bdk_bdev_io* io, bool success, void* arg) {
                          auto* self = static_cast<Zcopy*>(arg);
                          *self->io = io;
                          self->lent(success);
                      },
                      &zcopy),
                  0);
    });
    ASSERT_TRUE(lent.get());
    call_on(client.thread(), [&] {
        iovec* iovs = nullptr;
        int32_t count = 0;
        bdk_bdev_io_get_iovec(started, &iovs, &count);
        ASSERT_EQ(count, 1);
        ASSERT_EQ(iovs[0].iov_len, 4096u);
        EXPECT_EQ(std::memcmp(iovs[0].iov_base, pattern(4096).data(), 4096), 0);
        std::memcpy(iovs[0].iov_base, changed.data(), 4096);
        ASSERT_EQ(bdk_bdev_zcopy_end(
                      started, true, nullptr,
                      [](bdk_bdev_io* io, bool success, void* arg) {
                          bdk_bdev_free_io(io);
                          static_cast<Zcopy*>(arg)->returned(success);
                      },
                      &zcopy),
                  0);
    });
    ASSERT_TRUE(returned.get());
    EXPECT_EQ(client.read(9, 1), changed);
}

TEST_F(MallocTest, NothingFromBeforeAResetTakesEffectAfterIt) {
    ASSERT_EQ(host.create("malloc", "large", {{"size", 4096 * mib}, {"block_size", 4096}}), 0);
    Client client("large", Access::write);
    Client other("large", Access::write, host.new_thread("other"));
    const uint64_t last = client.num_blocks() - 1;
    Awaited<IoResult> zeroing, reset;
    // Both start in one turn of the reactor; the zeroing needs a thousand.
    call_on(client.thread(), [&] {
        zeroing = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_unmap_blocks(desc, ch, 0, last + 1, nullptr, cb, arg);
        });
        reset = other.start([](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_reset(desc, ch, nullptr, cb, arg);
        });
    });
    EXPECT_TRUE(reset.get().ok());
    ASSERT_TRUE(other.write(last, pattern(4096)).ok());
    EXPECT_EQ(zeroing.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_EQ(other.read(last, 1), pattern(4096));
}

TEST_F(MallocTest, AbortEndsZeroingThatIsUnderWay) {
    Client client("disk", Access::write);
    Awaited<IoResult> zeroing, abort;
    struct Two {
        std::function<void(IoResult)> zeroing, abort;
    } two{zeroing.setter(), abort.setter()};
    call_on(client.thread(), [&] {
        ASSERT_EQ(bdk_bdev_write_zeroes_blocks(
                      client.desc(), client.channel(), 0, client.num_blocks(), nullptr,
                      [](bdk_bdev_io* io, bool, void* arg) {
                          IoResult result;
                          result.status = bdk_bdev_io_get_status(io);
                          bdk_bdev_free_io(io);
                          static_cast<Two*>(arg)->zeroing(result);
                      },
                      &two),
                  0);
        ASSERT_EQ(bdk_bdev_abort(
                      client.desc(), client.channel(), &two, nullptr,
                      [](bdk_bdev_io* io, bool, void* arg) {
                          IoResult result;
                          result.status = bdk_bdev_io_get_status(io);
                          bdk_bdev_free_io(io);
                          static_cast<Two*>(arg)->abort(result);
                      },
                      &two),
                  0);
    });
    EXPECT_EQ(zeroing.get().status, BDK_BDEV_IO_STATUS_ABORTED);
    EXPECT_EQ(abort.get().status, BDK_BDEV_IO_STATUS_SUCCESS);
}

TEST(MallocOnTwoReactors, ThreadsWorkOnTheirOwnPartsAtOnce) {
    TestHost host(test_runtime_options_with_reactors(2));
    host.load("malloc");
    ASSERT_EQ(host.create("malloc", "disk", {{"size", uint64_t{64 * mib}}, {"block_size", 4096}}), 0);
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 4; i++)
        clients.push_back(std::make_unique<Client>("disk", Access::write, host.new_thread("writer", i)));
    std::vector<std::vector<std::byte>> data;
    for (uint64_t i = 0; i < clients.size(); i++)
        data.push_back(pattern(64 * 4096, i));
    for (uint64_t round = 0; round < 20; round++) {
        std::vector<Awaited<IoResult>> writes;
        for (uint64_t i = 0; i < clients.size(); i++)
            writes.push_back(clients[i]->start([&, i](auto* desc, auto* ch, auto cb, void* arg) {
                return bdk_bdev_write_blocks(desc, ch, data[i].data(), 1000 * i + round, 64, nullptr, cb,
                                             arg);
            }));
        for (auto& write : writes)
            EXPECT_TRUE(write.get().ok());
    }
    for (uint64_t i = 0; i < clients.size(); i++)
        EXPECT_EQ(clients[0]->read(1000 * i + 19, 64), data[i]);
}

TEST_F(MallocTest, RefusesOddSizes) {
    EXPECT_EQ(host.create("malloc", "odd", {{"size", uint64_t{mib}}, {"block_size", 1000}}), -EINVAL);
    EXPECT_EQ(host.create("malloc", "cut", {{"size", 5000}, {"block_size", 4096}}), -EINVAL);
    EXPECT_FALSE(host.exists("odd"));
    EXPECT_FALSE(host.exists("cut"));
}

}  // namespace
}  // namespace bdk::test
