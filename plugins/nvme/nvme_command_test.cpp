// SPDX-License-Identifier: BSD-3-Clause
// The commands of I/Os, and the decoding of identify data. The module itself is tested in a virtual
// machine: tests/vm/nvme_char.py.
#include "command.hpp"

#include <gtest/gtest.h>
#include <nvme/types.h>

#include <cstring>

namespace {

using namespace nvme;
using bdevkit::Io;

struct CommandTest : testing::Test {
    Namespace ns{.id = 3, .blocks = 1 << 20, .block_size = 512};
    nvme::IoContext context{};
    std::byte buffer[4096];
    iovec piece{buffer, sizeof(buffer)};
    bdk_bdev_io io{};

    Request request(uint32_t type, uint64_t offset, uint64_t blocks) {
        io.type = type;
        io.u.bdev.offset_blocks = offset;
        io.u.bdev.num_blocks = blocks;
        io.u.bdev.iovs = &piece;
        io.u.bdev.iovcnt = 1;
        return request_of(Io(&io), ns, context);
    }
};

TEST_F(CommandTest, ReadNamesNamespaceFirstBlockAndBlocksLessOne) {
    const Request read = request(BDK_BDEV_IO_TYPE_READ, 0x1'0000'0002, 8);
    EXPECT_EQ(read.command.opcode, nvme_cmd_read);
    EXPECT_EQ(read.command.nsid, 3u);
    EXPECT_EQ(read.command.cdw10, 2u);
    EXPECT_EQ(read.command.cdw11, 1u);
    EXPECT_EQ(read.command.cdw12, 7u);
    EXPECT_EQ(read.data.buf, buffer);
    EXPECT_EQ(read.data.bytes, 4096u);
}

TEST_F(CommandTest, FuaIsBit30) {
    io.u.bdev.flags = BDK_BDEV_IO_FUA;
    EXPECT_EQ(request(BDK_BDEV_IO_TYPE_WRITE, 0, 1).command.cdw12, 1u << 30);
}

TEST_F(CommandTest, ProtectionInformationIsCheckedAgainstTheBlocksNumber) {
    ns.pi_type = 1;
    io.u.bdev.dif_check_flags = BDK_DIF_CHECK_GUARD | BDK_DIF_CHECK_REFTAG;
    const Request write = request(BDK_BDEV_IO_TYPE_WRITE, 77, 1);
    EXPECT_EQ(write.command.cdw12, 1u << 28 | 1u << 26);
    EXPECT_EQ(write.command.cdw14, 77u);
}

TEST_F(CommandTest, UnmapIsOneRangeOfADatasetManagementCommand) {
    const Request unmap = request(BDK_BDEV_IO_TYPE_UNMAP, 100, 50);
    EXPECT_EQ(unmap.command.opcode, nvme_cmd_dsm);
    EXPECT_EQ(unmap.command.cdw10, 0u);  // ranges less one
    EXPECT_EQ(unmap.command.cdw11, 4u);  // deallocate
    ASSERT_EQ(unmap.data.buf, &context.unmap);
    EXPECT_EQ(context.unmap.first_block, 100u);
    EXPECT_EQ(context.unmap.blocks, 50u);
}

TEST_F(CommandTest, WriteZeroesGivesBlocksBackOnlyWhereTheyReadAsZeroesThen) {
    EXPECT_EQ(request(BDK_BDEV_IO_TYPE_WRITE_ZEROES, 0, 4).command.cdw12, 3u);
    ns.zeroes_deallocate = true;
    EXPECT_EQ(request(BDK_BDEV_IO_TYPE_WRITE_ZEROES, 0, 4).command.cdw12, 3u | 1u << 25);
    io.u.bdev.flags = BDK_BDEV_IO_NO_UNMAP;
    EXPECT_EQ(request(BDK_BDEV_IO_TYPE_WRITE_ZEROES, 0, 4).command.cdw12, 3u);
}

TEST_F(CommandTest, CopyNamesItsSourceInARange) {
    io.u.bdev.src_offset_blocks = 500;
    const Request copy = request(BDK_BDEV_IO_TYPE_COPY, 9, 16);
    EXPECT_EQ(copy.command.opcode, nvme_cmd_copy);
    EXPECT_EQ(copy.command.cdw10, 9u);
    EXPECT_EQ(copy.command.cdw12, 0u);
    EXPECT_EQ(context.copy.first_block, 500u);
    EXPECT_EQ(context.copy.blocks, 15u);
}

TEST_F(CommandTest, APassthroughCommandKeepsWhatItIsButForTheNamespace) {
    Command given{.opcode = 0x7f, .nsid = 99, .cdw10 = 1, .cdw15 = 6};
    io.type = BDK_BDEV_IO_TYPE_NVME_IO;
    std::memcpy(io.u.nvme_passthru.cmd, &given, sizeof(given));
    const Request request = request_of(Io(&io), ns, context);
    EXPECT_EQ(request.command.opcode, 0x7f);
    EXPECT_EQ(request.command.nsid, 3u);
    EXPECT_EQ(request.command.cdw15, 6u);
    io.type = BDK_BDEV_IO_TYPE_NVME_ADMIN;
    EXPECT_EQ(request_of(Io(&io), ns, context).command.nsid, 99u);
}

TEST_F(CommandTest, WithoutMetadataTheControllerMakesProtectionInformation) {
    ns.md_size = 8;
    ns.pi_type = 1;
    const Request written = request(BDK_BDEV_IO_TYPE_WRITE, 0, 8);
    EXPECT_NE(written.command.cdw12 & 1u << 29, 0u);
    EXPECT_EQ(written.data.md_bytes, 0u);

    std::byte md[64];
    io.u.bdev.md_buf = md;
    const Request given = request(BDK_BDEV_IO_TYPE_WRITE, 0, 8);
    EXPECT_EQ(given.command.cdw12 & 1u << 29, 0u);
    EXPECT_EQ(given.data.md, md);
    EXPECT_EQ(given.data.md_bytes, 64u);
}

TEST_F(CommandTest, OtherMetadataAlwaysHaveTheirPlace) {
    ns.md_size = 16;
    const Request written = request(BDK_BDEV_IO_TYPE_WRITE, 0, 8);
    EXPECT_EQ(written.data.md, nullptr);
    EXPECT_EQ(written.data.md_bytes, 128u);
}

TEST(Identify, NamespaceWithInterleavedMetadataAndProtectionInformation) {
    nvme_id_ns data{};
    data.nsze = 1000;
    data.flbas = 2 | NVME_NS_FLBAS_META_EXT;
    data.lbaf[2].ds = 12;
    data.lbaf[2].ms = 8;
    data.dps = 1 | NVME_NS_DPS_PI_FIRST;
    data.dlfeat = 1 | 1 << 3;
    data.mssrl = 128;
    data.mcl = 64;
    const Namespace ns = parse_namespace(7, std::as_bytes(std::span<nvme_id_ns, 1>(&data, 1)));
    EXPECT_EQ(ns.id, 7u);
    EXPECT_EQ(ns.blocks, 1000u);
    EXPECT_EQ(ns.block_size, 4096u + 8);
    EXPECT_TRUE(ns.md_interleaved);
    EXPECT_EQ(ns.pi_type, 1u);
    EXPECT_TRUE(ns.pi_at_head);
    EXPECT_TRUE(ns.zeroes_deallocate);
    EXPECT_EQ(ns.max_copy, 64u);
}

TEST(Identify, FormatsBeyondThe15thHaveTwoBitsElsewhere) {
    nvme_id_ns data{};
    data.nsze = 1;
    data.flbas = 1 | 1 << 5;
    data.lbaf[17].ds = 9;
    EXPECT_EQ(parse_namespace(1, std::as_bytes(std::span<nvme_id_ns, 1>(&data, 1))).block_size, 512u);
}

TEST(Identify, ControllerCountsItsLargestTransferInPages) {
    nvme_id_ctrl data{};
    std::memset(data.mn, ' ', sizeof(data.mn));
    std::memcpy(data.mn, "A drive", 7);
    data.mdts = 5;
    data.oncs = NVME_CTRL_ONCS_DSM | NVME_CTRL_ONCS_COPY;
    const Identity controller = parse_identity(std::as_bytes(std::span<nvme_id_ctrl, 1>(&data, 1)), 4096);
    EXPECT_EQ(controller.max_transfer, 128u * 1024);
    EXPECT_EQ(controller.model, "A drive");
    EXPECT_TRUE(controller.unmaps);
    EXPECT_TRUE(controller.copies);
    EXPECT_FALSE(controller.compares);
}

}  // namespace
