// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "support/client.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::io_types;
using bdevkit::IoType;

class ReadonlyTest : public testing::Test {
protected:
    ReadonlyTest() {
        TestDisk::configure() = nullptr;
        host.load("readonly");
        host.load("passthru");
        host.load("malloc");
        EXPECT_EQ(host.add(&test_disk_module), 0);
    }

    TestHost host;
};

TEST_F(ReadonlyTest, AllowsOnlyWhatChangesNothing) {
    ASSERT_EQ(host.create("test_disk", "base", {}), 0);
    ASSERT_EQ(host.create("readonly", "top", {{"base", "base"}}), 0);
    Client client("top", Access::read);
    constexpr uint64_t allowed = io_types(IoType::read, IoType::flush, IoType::compare, IoType::seek_data,
                                          IoType::seek_hole, IoType::get_zone_info, IoType::abort);
    for (uint32_t type = 1; type < 64; type++)
        EXPECT_EQ(client.supports(type), (allowed >> type & 1) != 0) << bdk_bdev_io_type_name(type);
}

TEST_F(ReadonlyTest, AllowsNothingThatTheBaseLacks) {
    ASSERT_EQ(host.create("test_disk", "base", {{"types", io_types(IoType::read, IoType::write)}}), 0);
    ASSERT_EQ(host.create("readonly", "top", {{"base", "base"}}), 0);
    Client client("top", Access::read);
    EXPECT_TRUE(client.supports(BDK_BDEV_IO_TYPE_READ));
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_FLUSH));
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_SEEK_DATA));
}

TEST_F(ReadonlyTest, RefusesEveryChangeBeforeTheBaseSeesIt) {
    ASSERT_EQ(host.create("test_disk", "base", {}), 0);
    ASSERT_EQ(host.create("readonly", "top", {{"base", "base"}}), 0);
    Client client("top", Access::write);
    EXPECT_EQ(client.write(0, pattern(512)).rc, -ENOTSUP);
    EXPECT_EQ(client.unmap(0, 1).rc, -ENOTSUP);
    EXPECT_EQ(client.write_zeroes(0, 1).rc, -ENOTSUP);
    EXPECT_EQ(client.copy(0, 1, 1).rc, -ENOTSUP);
    EXPECT_EQ(client.reset().rc, -ENOTSUP);
    EXPECT_EQ(client
                  .run([](auto* desc, auto* ch, auto cb, void* arg) {
                      return bdk_bdev_zcopy_start(desc, ch, 0, 1, true, nullptr, cb, arg);
                  })
                  .rc,
              -ENOTSUP);
    std::byte command[64] = {};
    EXPECT_EQ(client
                  .run([&](auto* desc, auto* ch, auto cb, void* arg) {
                      return bdk_bdev_nvme_admin_passthru(desc, ch, command, nullptr, 0, nullptr, cb, arg);
                  })
                  .rc,
              -ENOTSUP);
    EXPECT_TRUE(TestDisk::named("base").seen().empty());
}

TEST_F(ReadonlyTest, StandsBesideAWriterOfTheSameBase) {
    // examples/quickstart.yaml: disk <- pass <- top, with pass written meanwhile.
    ASSERT_EQ(host.create("malloc", "disk", {{"size", 1 << 20}, {"block_size", 4096}}), 0);
    ASSERT_EQ(host.create("passthru", "pass", {{"base", "disk"}}), 0);
    Client writer("pass", Access::write);
    ASSERT_EQ(host.create("readonly", "top", {{"base", "pass"}}), 0);
    ASSERT_EQ(host.create("readonly", "other_top", {{"base", "pass"}}), 0);
    Client reader("top", Access::read);
    ASSERT_TRUE(writer.write(3, pattern(8192)).ok());
    EXPECT_EQ(reader.read(3, 2), pattern(8192));
    EXPECT_TRUE(reader.flush(0, 256).ok());
    EXPECT_TRUE(reader.compare(3, pattern(8192)).ok());
    EXPECT_EQ(Client::try_open("pass", Access::write), 0) << "a second writer may come";
}

TEST_F(ReadonlyTest, GoesWhenTheDiskAtTheBottomGoes) {
    ASSERT_EQ(host.create("malloc", "disk", {{"size", 1 << 20}}), 0);
    ASSERT_EQ(host.create("passthru", "pass", {{"base", "disk"}}), 0);
    ASSERT_EQ(host.create("readonly", "top", {{"base", "pass"}}), 0);
    Client reader("top", Access::read), writer("pass", Access::write);
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_FALSE(host.exists("top"));
    EXPECT_FALSE(host.exists("pass"));
    EXPECT_EQ(reader.events(BDK_BDEV_EVENT_REMOVE), 1u);
}

}  // namespace
}  // namespace bdk::test
