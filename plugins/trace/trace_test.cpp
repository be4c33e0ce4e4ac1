// SPDX-License-Identifier: BSD-3-Clause
// The records of the module trace; tests/integration/test_trace.py has further tests.
#include <bdevkit/trace.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "support/client.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

static_assert(sizeof(bdk_trace_header) == 128 && sizeof(bdk_trace_record) == 32, "files have this form");

class TraceModule : public testing::Test {
protected:
    TraceModule() {
        TestDisk::configure() = nullptr;
        host.load("trace");
        host.load("error");
        EXPECT_EQ(host.add(&test_disk_module), 0);
        EXPECT_EQ(host.create("test_disk", "disk", {{"blocks", 64}}), 0);
    }
    ~TraceModule() override { std::filesystem::remove(path); }

    /// What is in the file once the bdev is gone.
    std::vector<bdk_trace_record> records() {
        EXPECT_EQ(host.remove("top"), 0);
        std::ifstream file(path, std::ios::binary);
        bdk_trace_header header{};
        file.read(reinterpret_cast<char*>(&header), sizeof(header));
        EXPECT_EQ(std::memcmp(header.magic, BDK_TRACE_MAGIC, 8), 0);
        EXPECT_EQ(header.version, BDK_TRACE_VERSION);
        EXPECT_EQ(header.record_size, sizeof(bdk_trace_record));
        EXPECT_EQ(header.block_size, 512u);
        EXPECT_EQ(header.num_blocks, 64u);
        EXPECT_STREQ(header.bdev, "top");
        std::vector<bdk_trace_record> result;
        for (bdk_trace_record record{}; file.read(reinterpret_cast<char*>(&record), sizeof(record));)
            result.push_back(record);
        return result;
    }

    const std::string path = testing::TempDir() + "trace_test." + std::to_string(getpid());
    TestHost host;
};

TEST_F(TraceModule, RecordsTypeRangeAndStatus) {
    ASSERT_EQ(
        host.create("error", "err", {{"base", "disk"}, {"action", 1}, {"offset", 10 * 512}, {"length", 512}}),
        0);
    ASSERT_EQ(host.create("trace", "top", {{"base", "err"}, {"path", path}}), 0);
    {
        Client client("top", Access::write);
        ASSERT_TRUE(client.write(3, pattern(1024)).ok());
        ASSERT_FALSE(client.try_read(10, 1).ok());
        ASSERT_TRUE(client.reset().ok());
    }
    const auto found = records();
    ASSERT_EQ(found.size(), 3u);
    EXPECT_EQ(found[0].type, BDK_BDEV_IO_TYPE_WRITE);
    EXPECT_EQ(found[0].offset_blocks, 3u);
    EXPECT_EQ(found[0].num_blocks, 2u);
    EXPECT_EQ(found[0].status, BDK_BDEV_IO_STATUS_SUCCESS);
    EXPECT_EQ(found[1].type, BDK_BDEV_IO_TYPE_READ);
    EXPECT_EQ(found[1].offset_blocks, 10u);
    EXPECT_EQ(found[1].status, BDK_BDEV_IO_STATUS_FAILED);
    EXPECT_EQ(found[2].type, BDK_BDEV_IO_TYPE_RESET);
    EXPECT_EQ(found[2].num_blocks, 0u);
    EXPECT_LE(found[0].submit_ns + found[0].latency_ns, found[1].submit_ns);
    EXPECT_GT(found[0].latency_ns, 0u);
}

TEST_F(TraceModule, ChangesNothing) {
    ASSERT_EQ(host.create("trace", "top", {{"base", "disk"}, {"path", path}}), 0);
    Client client("top", Access::write);
    ASSERT_TRUE(client.write(7, pattern(2048)).ok());
    EXPECT_EQ(client.read(7, 4), pattern(2048));
    EXPECT_EQ(client.read_without_buffer(7, 4).data, pattern(2048));
}

TEST_F(TraceModule, NumbersTheThreads) {
    ASSERT_EQ(host.create("trace", "top", {{"base", "disk"}, {"path", path}}), 0);
    {
        Client one("top", Access::read, host.new_thread("one")),
            two("top", Access::read, host.new_thread("two"));
        one.try_read(0, 1);
        two.try_read(1, 1);
        one.try_read(2, 1);
    }
    uint64_t blocks_of[2] = {};
    for (const bdk_trace_record& record : records()) {
        ASSERT_LT(record.thread, 2);
        blocks_of[record.thread] += record.offset_blocks;
    }
    EXPECT_EQ(blocks_of[0], 2u);
    EXPECT_EQ(blocks_of[1], 1u);
}

}  // namespace
}  // namespace bdk::test
