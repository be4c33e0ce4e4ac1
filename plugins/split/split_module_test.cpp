// SPDX-License-Identifier: BSD-3-Clause
// split, and with it PartBdev.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "support/client.hpp"
#include "support/load.hpp"
#include "support/log_capture.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Io;
using Sizes = std::vector<uint64_t>;
constexpr uint64_t block = 512;

class SplitModule : public testing::Test {
protected:
    SplitModule() {
        TestDisk::configure() = nullptr;
        host.load("split");
        host.load("passthru");
        EXPECT_EQ(host.add(&test_disk_module), 0);
    }
    ~SplitModule() { TestDisk::configure() = nullptr; }

    void make_base(uint64_t blocks = 1024) {
        ASSERT_EQ(host.create("test_disk", "base", {{"blocks", blocks}}), 0);
    }
    int split(GivenOptions options, const std::string& name = "part") {
        options.emplace_back("base", "base");
        return host.create("split", name, options);
    }
    uint64_t blocks_of(const std::string& name) { return Client(name, Access::read).num_blocks(); }

    TestHost host;
};

TEST_F(SplitModule, MakesEqualParts) {
    make_base(1000);
    ASSERT_EQ(split({{"count", 3}}), 0);
    for (const char* part : {"partp0", "partp1", "partp2"})
        EXPECT_EQ(blocks_of(part), 333u);
    EXPECT_FALSE(host.exists("partp3"));
    EXPECT_FALSE(host.exists("part"));
    EXPECT_EQ(host.info("partp1").at("driver_specific").at("offset_blocks"), 333);
}

TEST_F(SplitModule, MakesPartsOfGivenSizes) {
    make_base();
    ASSERT_EQ(split({{"sizes", Sizes{100 * block, 1 * block, 0}}}), 0);
    EXPECT_EQ(blocks_of("partp0"), 100u);
    EXPECT_EQ(blocks_of("partp1"), 1u);
    EXPECT_EQ(blocks_of("partp2"), 1024u - 101) << "0 is the rest";
}

TEST_F(SplitModule, EachPartIsItsRangeOfTheBase) {
    make_base();
    ASSERT_EQ(split({{"count", 4}}), 0);
    Client first("partp0", Access::write), third("partp2", Access::write);
    ASSERT_TRUE(first.write(0, pattern(1024, 1)).ok());
    ASSERT_TRUE(third.write(255, pattern(block, 2)).ok());
    EXPECT_EQ(third.read(255, 1), pattern(block, 2));
    EXPECT_EQ(first.read(0, 2), pattern(1024, 1));
    const auto& data = TestDisk::named("base").data();
    EXPECT_TRUE(
        std::equal(data.begin() + 767 * block, data.begin() + 768 * block, pattern(block, 2).begin()));
    EXPECT_EQ(first.try_read(255, 2).rc, -EINVAL) << "nothing of the next part";
    EXPECT_EQ(first.write(256, pattern(block)).rc, -EINVAL);
    ASSERT_TRUE(third.unmap(1, 3).ok());
    const TestDisk::Seen expected = {BDK_BDEV_IO_TYPE_UNMAP, 513, 3};
    EXPECT_EQ(TestDisk::named("base").seen().back(), expected);
    EXPECT_FALSE(first.supports(BDK_BDEV_IO_TYPE_NVME_IO)) << "a raw command could reach another part";
    EXPECT_FALSE(first.supports(BDK_BDEV_IO_TYPE_NVME_ADMIN));
}

TEST_F(SplitModule, RefusesWhatCannotBe) {
    make_base();
    EXPECT_EQ(split({}), -EINVAL);
    EXPECT_EQ(split({{"count", 2}, {"sizes", Sizes{block}}}), -EINVAL);
    EXPECT_EQ(split({{"count", 1025}}), -EINVAL);
    EXPECT_EQ(split({{"sizes", Sizes{1000}}}), -EINVAL) << "no multiple of the block size";
    EXPECT_EQ(split({{"sizes", Sizes{0, block}}}), -EINVAL) << "only the last one is the rest";
    EXPECT_EQ(split({{"sizes", Sizes{1024 * block, block}}}), -ENOSPC);
    EXPECT_EQ(split({{"sizes", Sizes{1024 * block, 0}}}), -EINVAL) << "there is no rest";
    EXPECT_EQ(split({{"sizes", Sizes{UINT64_MAX / block * block}}}), -ENOSPC);
    EXPECT_EQ(host.create("split", "part", {{"base", "nowhere"}, {"count", 2}}), -ENODEV);
    EXPECT_EQ(Client::try_open("base", Access::write), 0) << "nothing is left";
}

TEST_F(SplitModule, MakesAllPartsOrNone) {
    make_base();
    ASSERT_EQ(host.create("test_disk", "partp2", {}), 0);
    EXPECT_EQ(split({{"count", 4}}), -EEXIST);
    EXPECT_FALSE(host.exists("partp0"));
    EXPECT_FALSE(host.exists("partp1"));
    EXPECT_EQ(Client::try_open("base", Access::write), 0);
    ASSERT_EQ(host.remove("partp2"), 0);
    EXPECT_EQ(split({{"count", 4}}), 0);
}

TEST_F(SplitModule, ClaimsTheBaseForItsPartsAlone) {
    make_base();
    ASSERT_EQ(split({{"count", 2}}), 0);
    LogCapture log;
    EXPECT_EQ(Client::try_open("base", Access::write), -EPERM);
    EXPECT_TRUE(log.has({"split"})) << "the message names the holder";
    EXPECT_EQ(split({{"count", 3}}, "other"), -EPERM) << "the same blocks twice";
    EXPECT_FALSE(host.exists("otherp0"));
    EXPECT_EQ(host.create("passthru", "top", {{"base", "base"}}), -EPERM);
    EXPECT_EQ(host.create("passthru", "top", {{"base", "partp0"}}), 0);
    EXPECT_EQ(host.create("split", "inner", {{"base", "partp1"}, {"count", 2}}), 0) << "a part of a part";
    ASSERT_EQ(host.remove("partp0"), 0);
    EXPECT_FALSE(host.exists("top"));
    EXPECT_EQ(Client::try_open("base", Access::write), -EPERM) << "the other part stands";
    ASSERT_EQ(host.remove("partp1"), 0);
    EXPECT_FALSE(host.exists("innerp0"));
    EXPECT_EQ(Client::try_open("base", Access::write), 0);
}

TEST_F(SplitModule, PartsGoWithTheBase) {
    make_base();
    ASSERT_EQ(split({{"count", 3}}), 0);
    Client client("partp1", Access::write);
    EXPECT_EQ(host.remove("base"), 0);
    EXPECT_EQ(client.events(BDK_BDEV_EVENT_REMOVE), 1u);
    for (const char* part : {"partp0", "partp1", "partp2"})
        EXPECT_FALSE(host.exists(part));
}

TEST_F(SplitModule, PartsStayAsTheyAreWhenTheBaseGrows) {
    make_base();
    ASSERT_EQ(split({{"count", 2}}), 0);
    call_on_app_thread([] { TestDisk::named("base").resize(4096); });
    settle(bdk_thread_get_app_thread());
    EXPECT_EQ(blocks_of("partp1"), 512u);
}

TEST_F(SplitModule, PartsBeginAtWriteUnits) {
    TestDisk::configure() = [](bdk_bdev& bdev) {
        bdev.write_unit_size = 8;
        bdev.optimal_io_boundary = 64;
        bdev.flags |= BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY;
    };
    make_base(1000);
    EXPECT_EQ(split({{"sizes", Sizes{12 * block, 0}}}), -EINVAL);
    ASSERT_EQ(split({{"count", 3}}), 0);
    EXPECT_EQ(blocks_of("partp0"), 328u);
    Client first("partp0", Access::read), second("partp1", Access::read);
    EXPECT_EQ(bdk_bdev_get_optimal_io_boundary(first.bdev()), 64u);
    EXPECT_EQ(bdk_bdev_get_optimal_io_boundary(second.bdev()), 0u) << "the base's lie elsewhere";
}

TEST_F(SplitModule, PartsOfAZonedBaseAreWholeZones) {
    TestDisk::configure() = [](bdk_bdev& bdev) {
        bdev.flags |= BDK_BDEV_ZONED;
        bdev.zone_size = 100;
    };
    make_base(1000);
    EXPECT_EQ(split({{"sizes", Sizes{150 * block, 0}}}), -EINVAL);
    ASSERT_EQ(split({{"count", 3}}), 0);
    EXPECT_EQ(blocks_of("partp2"), 300u);
}

TEST(SplitUnderLoad, GoesWithItsBase) {
    TestHost host(test_runtime_options_with_reactors(2));
    for (const char* module : {"malloc", "split"})
        host.load(module);
    bdk_thread* threads[] = {host.new_thread("first", 0), host.new_thread("second", 1)};
    for (int round = 0; round < 20; round++) {
        ASSERT_EQ(host.create("malloc", "disk", {{"size", 1 << 20}}), 0);
        ASSERT_EQ(host.create("split", "part", {{"base", "disk"}, {"count", 2}}), 0);
        Client first("partp0", Access::write, threads[0]), second("partp1", Access::write, threads[1]);
        Load one(first, 16, UINT64_MAX), two(second, 16, UINT64_MAX);
        settle(threads[0]);
        ASSERT_EQ(host.remove(round % 2 == 0 ? "disk" : "partp0"), 0);
        EXPECT_EQ(one.wait().rc, -ENODEV);
        if (host.exists("disk")) {
            ASSERT_EQ(host.remove("disk"), 0);
        }
        EXPECT_EQ(two.wait().rc, -ENODEV);
    }
}

}  // namespace
}  // namespace bdk::test
