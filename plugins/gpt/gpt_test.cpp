// SPDX-License-Identifier: BSD-3-Clause
// gpt on tables made here; those of sgdisk are in tests/integration/test_gpt.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "bdev/lifecycle/examine.hpp"
#include "support/client.hpp"
#include "support/gpt_table.hpp"
#include "support/log_capture.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using bdevkit::Io;
using Bytes = std::vector<std::byte>;

constexpr bdk_uuid linux_uuid = {
    {0x0f, 0xc6, 0x3d, 0xaf, 0x84, 0x83, 0x47, 0x72, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}};

class GptModule : public testing::Test {
protected:
    GptModule() {
        TestDisk::configure() = nullptr;
        host.load("gpt");
        host.load("passthru");
        EXPECT_EQ(host.add(&test_disk_module), 0);
        table.entries = {{1, gpt_linux_type, 34, 133, u"Wurzel √"},
                         {2, gpt_spdk_type, 134, 1033, u"data"},
                         {5, gpt_linux_type, 2048, 4062, u"data"}};
    }

    /// A disk that nobody has looked at: examination is over before it has its content.
    void make_disk(const Bytes& image, const std::string& name = "disk") {
        ASSERT_EQ(
            host.create("test_disk", name,
                        {{"blocks", image.size() / table.block_size}, {"block_size", table.block_size}}),
            0);
        Client client(name, Access::write);
        for (uint64_t block = 0; block < image.size() / table.block_size; block += 256) {
            const size_t at = block * table.block_size;
            const size_t length = std::min<size_t>(256 * table.block_size, image.size() - at);
            const auto begin = image.begin() + ptrdiff_t(at);
            ASSERT_TRUE(client.write(block, Bytes(begin, begin + ptrdiff_t(length))).ok());
        }
    }
    int partition(GivenOptions options = {}) {
        options.emplace_back("base", "disk");
        return host.create("gpt", "part", options);
    }
    /// Tells what the module says of the image, which it must refuse.
    void expect_refusal(const Bytes& image, std::string_view words) {
        make_disk(image);
        LogCapture log;
        EXPECT_EQ(partition(), -EINVAL) << words;
        EXPECT_TRUE(log.has({"the GPT of 'disk' cannot be used", words})) << words;
        EXPECT_FALSE(host.exists("partp1"));
        ASSERT_EQ(host.remove("disk"), 0);
    }
    void expect_refusal(std::string_view words) { expect_refusal(table.bytes(), words); }

    GptTable table;
    TestHost host;
};

TEST_F(GptModule, MakesABdevOfEachPartition) {
    make_disk(table.bytes());
    ASSERT_EQ(partition(), 0);
    Client first("partp1", Access::write), second("partp2", Access::write), fifth("partp5", Access::write);
    EXPECT_FALSE(host.exists("partp3"));
    EXPECT_EQ(first.num_blocks(), 100u);
    EXPECT_EQ(second.num_blocks(), 900u);
    EXPECT_EQ(fifth.num_blocks(), 2015u);
    ASSERT_TRUE(second.write(0, pattern(512)).ok());
    const auto& data = TestDisk::named("disk").data();
    EXPECT_TRUE(std::equal(data.begin() + 134 * 512, data.begin() + 135 * 512, pattern(512).begin()));
    EXPECT_EQ(Client::try_open("disk", Access::write), -EPERM);
}

TEST_F(GptModule, PartitionsHaveTheirNameAndGuid) {
    make_disk(table.bytes());
    ASSERT_EQ(partition(), 0);
    const auto info = host.info("partp1");
    EXPECT_EQ(info.at("uuid"), "00000001-0000-0000-0000-000000000000");
    EXPECT_EQ(info.at("driver_specific").at("partition_name"), "Wurzel √");
    EXPECT_EQ(info.at("driver_specific").at("partition_type"), "0fc63daf-8483-4772-8e79-3d69d8477de4");
    EXPECT_EQ(info.at("driver_specific").at("partition_guid"), info.at("uuid"));
    EXPECT_TRUE(host.exists("part/Wurzel √"));
    EXPECT_TRUE(host.exists("00000005-0000-0000-0000-000000000000"));
    EXPECT_EQ(Client("part/data", Access::read).num_blocks(), 900u) << "the first of that name";
}

TEST_F(GptModule, TakesTheTypesThatItIsAskedFor) {
    make_disk(table.bytes());
    ASSERT_EQ(partition({{"types", std::vector{linux_uuid}}}), 0);
    EXPECT_TRUE(host.exists("partp1"));
    EXPECT_FALSE(host.exists("partp2"));
    EXPECT_TRUE(host.exists("partp5"));
}

TEST_F(GptModule, SaysWhenNoPartitionHasTheType) {
    make_disk(table.bytes());
    EXPECT_EQ(partition({{"types", std::vector{bdk_uuid{{1}}}}}), -ENOENT);
    EXPECT_EQ(Client::try_open("disk", Access::write), 0);
}

TEST_F(GptModule, PartitionsGoWithTheDisk) {
    make_disk(table.bytes());
    ASSERT_EQ(partition(), 0);
    ASSERT_EQ(host.create("passthru", "top", {{"base", "partp5"}}), 0);
    Client client("top", Access::write);
    EXPECT_EQ(host.remove("disk"), 0);
    for (const char* name : {"partp1", "partp2", "partp5", "top"})
        EXPECT_FALSE(host.exists(name));
}

TEST_F(GptModule, ACopyOfADiskStandsBesideIt) {
    make_disk(table.bytes());
    make_disk(table.bytes(), "copy");
    ASSERT_EQ(partition(), 0);
    ASSERT_EQ(host.create("gpt", "copy", {{"base", "copy"}}), 0);
    EXPECT_NE(host.info("copyp1").at("uuid"), host.info("partp1").at("uuid"));
}

TEST_F(GptModule, ReadsTablesOfLargeBlocks) {
    table.block_size = 4096;
    table.blocks = 1024;
    table.first_usable = 6;
    table.last_usable = 1018;
    table.backup_entries = 1019;
    table.entries = {{128, gpt_linux_type, 6, 1018}};
    make_disk(table.bytes());
    ASSERT_EQ(partition(), 0);
    EXPECT_EQ(Client("partp128", Access::read).num_blocks(), 1013u);
}

/* ---- by examination ---- */

TEST_F(GptModule, ExaminationTakesPartitionsOfSpdksTypesAlone) {
    // A late init examines what is there already: so the disk has its content.
    ASSERT_EQ(host.unload("gpt"), 0);
    make_disk(table.bytes());
    table.entries = {{1, gpt_linux_type, 34, 133}};
    make_disk(table.bytes(), "ordinary");
    make_disk(Bytes(4096 * 512), "blank");
    const size_t before = TestDisk::named("blank").seen().size();
    // The test has written to them, as a client does: without being asked for they would be left alone.
    call_on_app_thread([] {
        for (const char* name : {"disk", "ordinary", "blank"})
            EXPECT_EQ(bdk_bdev_examine(name), 0);
    });
    host.load("gpt");
    while (!host.exists("diskp2"))
        settle(bdk_thread_get_app_thread());
    EXPECT_FALSE(host.exists("diskp1"));
    EXPECT_FALSE(host.exists("diskp5"));
    EXPECT_EQ(Client::try_open("disk", Access::write), -EPERM);
    EXPECT_FALSE(host.exists("ordinaryp1"));
    EXPECT_EQ(Client::try_open("ordinary", Access::write), 0) << "it is not touched";
    EXPECT_EQ(TestDisk::named("blank").seen().size(), before + 1) << "one read finds that there is no table";
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_FALSE(host.exists("diskp2"));
}

TEST_F(GptModule, ExaminationLeavesAloneWhatAClientHasWritten) {
    ASSERT_EQ(host.unload("gpt"), 0);
    make_disk(table.bytes());
    host.load("gpt");
    call_on_app_thread([] { EXPECT_FALSE(is_any_examined()); });
    EXPECT_EQ(Client::try_open("disk", Access::write), 0) << "it is not claimed";
    EXPECT_FALSE(host.exists("diskp2"));
}

/* ---- damage ---- */

TEST_F(GptModule, UsesTheBackupWhereThePrimaryIsDamaged) {
    for (const size_t damaged : {512 + 9, 512 + 50, 2 * 512 + 3}) {
        Bytes image = table.bytes();
        image[damaged] ^= std::byte{1};
        make_disk(image);
        LogCapture log;
        ASSERT_EQ(partition(), 0) << damaged;
        EXPECT_TRUE(log.has({"backup GPT of 'disk' is used", "CRC"})) << damaged;
        EXPECT_EQ(Client("partp5", Access::read).num_blocks(), 2015u);
        ASSERT_EQ(host.remove("disk"), 0);
    }
    Bytes image = table.bytes();
    std::fill_n(image.begin(), 34 * 512, std::byte{0});
    make_disk(image);
    EXPECT_EQ(partition(), 0) << "the whole start is lost";
}

TEST_F(GptModule, UsesTheBackupWhereThePrimaryCannotBeRead) {
    make_disk(table.bytes());
    call_on_app_thread([] {
        TestDisk& disk = TestDisk::named("disk");
        disk.on_submit = [&disk](Io io) {
            io.offset_blocks() < 3 ? io.complete_errno(-EIO) : disk.serve(io);
        };
    });
    EXPECT_EQ(partition(), 0);
    EXPECT_TRUE(host.exists("partp5"));
}

TEST_F(GptModule, SaysWhatIsWrongWithABackupThatIsNotNeededYet) {
    const Bytes good = table.bytes();
    Bytes damaged_entries = good, damaged_header = good, other = good, grown = good;
    damaged_entries[4063 * 512] ^= std::byte{1};
    damaged_header[4095 * 512 + 50] ^= std::byte{1};
    table.entries.pop_back();
    const Bytes fewer = table.bytes();
    std::copy(fewer.begin() + 4063 * 512, fewer.end(), other.begin() + 4063 * 512);
    grown.resize(8192 * 512);
    const std::pair<const Bytes&, std::string> cases[] = {
        {damaged_entries, "the CRC of its entries is wrong"},
        {damaged_header, "the CRC of its header is wrong"},
        {other, "it describes other partitions"},
        {grown, "the primary header places it at block 4095, but the disk ends with block 8191"}};
    for (const auto& [image, words] : cases) {
        make_disk(image);
        LogCapture log;
        ASSERT_EQ(partition(), 0) << words;
        EXPECT_TRUE(log.has({"the backup GPT of 'disk' could not replace", words})) << words;
        EXPECT_EQ(Client("partp5", Access::read).num_blocks(), 2015u);
        ASSERT_EQ(host.remove("disk"), 0);
    }
    make_disk(good);
    LogCapture log;
    ASSERT_EQ(partition(), 0);
    EXPECT_FALSE(log.has({"backup GPT"}));
}

TEST_F(GptModule, NamesTheBlockSizeThatATableIsFor) {
    for (const auto& [of_table, of_disk] :
         {std::pair<size_t, size_t>{4096, 512}, {512, 4096}, {16384, 512}}) {
        GptTable other = GptTable::of_disk((16 << 20) / of_table, of_table);
        other.entries = {{1, gpt_linux_type, other.first_usable, other.last_usable}};
        table.block_size = of_disk;  // of the disk that is made
        expect_refusal(other.bytes(), "it is a table for blocks of " + std::to_string(of_table) +
                                          " bytes, but the disk has blocks of " + std::to_string(of_disk));
    }
}

TEST_F(GptModule, SaysWhatIsWrongWithBoth) {
    Bytes image = table.bytes();
    image[512 + 50] ^= std::byte{1};
    image[4063 * 512] ^= std::byte{1};
    expect_refusal(image, "CRC of its header is wrong; backup: the CRC of its entries is wrong");
}

TEST_F(GptModule, RefusesADiskWithoutATable) {
    expect_refusal(Bytes(4096 * 512), "there is none");
    Bytes image = table.bytes();
    image[446 + 4] = std::byte{0x83};
    expect_refusal(image, "MBR");
    expect_refusal(Bytes(2 * 512), "there is none");
}

/* ---- tables made to harm, with right CRCs ---- */

TEST_F(GptModule, RefusesOddCounts) {
    for (const uint32_t count : {0u, 1025u, 0x80000000u, 0xffffffffu}) {
        table.entry_count = count;
        expect_refusal("entries");
    }
}

TEST_F(GptModule, RefusesOddEntrySizes) {
    for (const uint32_t size : {0u, 64u, 127u, 129u, 384u, 8192u, 0xffffffffu}) {
        table.entry_size = size;
        table.entries.clear();
        expect_refusal("entries cannot have");
    }
}

TEST_F(GptModule, RefusesOddHeaderSizes) {
    for (const uint32_t size : {0u, 91u, 513u, 0xffffffffu}) {
        table.header_size = size;
        expect_refusal("header cannot have");
    }
}

TEST_F(GptModule, RefusesPlacesThatAreNotOnTheDisk) {
    const GptTable good = table;
    for (const uint64_t block :
         {uint64_t{0}, uint64_t{1}, uint64_t{100}, uint64_t{4095}, uint64_t{4096}, UINT64_MAX}) {
        table = good;
        table.primary_entries = table.backup_entries = block;
        expect_refusal("its entries cannot be at block");
    }
    for (const uint64_t last : {uint64_t{33}, uint64_t{4096}, UINT64_MAX}) {
        table = good;
        table.last_usable = last;
        expect_refusal("for partitions are not within");
    }
    table = good;
    table.my_block = 7;
    Bytes image = table.bytes();
    image[4095 * 512] = std::byte{0};
    expect_refusal(image, "says that it is at block 7");
}

TEST_F(GptModule, RefusesPartitionsOutOfRange) {
    for (const auto& [first, last] : {std::pair<uint64_t, uint64_t>{33, 100},
                                      {100, 4063},
                                      {100, 99},
                                      {0, UINT64_MAX},
                                      {UINT64_MAX, UINT64_MAX},
                                      {1, 1}}) {
        table.entries = {{1, gpt_linux_type, first, last}};
        expect_refusal("partition 1, blocks");
    }
}

TEST_F(GptModule, RefusesPartitionsThatOverlap) {
    table.entries = {
        {1, gpt_linux_type, 100, 200}, {2, gpt_linux_type, 300, 400}, {3, gpt_linux_type, 200, 250}};
    expect_refusal("partitions 1 and 3 overlap");
}

TEST_F(GptModule, NamesFromTheDiskAreHarmless) {
    table.entries = {{1, gpt_linux_type, 100, 200, u"a\nb\x7f"},
                     {2, gpt_linux_type, 201, 300, std::u16string(36, u'x')},
                     {3, gpt_linux_type, 301, 400, u"\xd800half"},
                     {4, gpt_linux_type, 401, 500, u"disk"}};
    make_disk(table.bytes());
    ASSERT_EQ(partition(), 0);
    EXPECT_TRUE(host.exists("part/a_b_"));
    EXPECT_EQ(host.info("partp2").at("driver_specific").at("partition_name"), std::string(36, 'x'));
    EXPECT_TRUE(host.exists("partp3"));
    EXPECT_EQ(host.info("disk").at("module"), "test_disk") << "no name of another bdev is taken";
}

TEST_F(GptModule, GoesOnWhenTheDiskGoesWhileItIsRead) {
    make_disk(table.bytes());
    std::vector<Io> held;
    call_on_app_thread([&] { TestDisk::named("disk").on_submit = [&](Io io) { held.push_back(io); }; });
    Awaited<int> removed;
    std::thread reading([&] { EXPECT_EQ(partition(), -ENODEV); });
    while (true) {
        bool waits = false;
        call_on_app_thread([&] { waits = !held.empty(); });
        if (waits) break;
    }
    host.start_remove("disk", removed.setter());
    settle(bdk_thread_get_app_thread());
    call_on_app_thread([&] { held.front().complete(bdevkit::IoStatus::failed); });
    reading.join();
    EXPECT_EQ(removed.get(), 0);
    EXPECT_FALSE(host.exists("disk"));
}

}  // namespace
}  // namespace bdk::test
