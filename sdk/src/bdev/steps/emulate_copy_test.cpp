// SPDX-License-Identifier: BSD-3-Clause
// Copies made of reads and writes, on disks whose blocks have metadata, and protection information that tells
// the block.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/protected_blocks.hpp"
#include "support/strict_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

struct Layout {
    uint32_t md_size;
    bool interleave;
    uint32_t dif_type;
    bool head;
    uint32_t pi_format;
};

void PrintTo(const Layout& layout, std::ostream* out) {
    *out << "md_size " << layout.md_size << (layout.interleave ? " interleaved" : " separate") << ", type "
         << layout.dif_type << (layout.head ? ", head" : ", tail") << ", format " << layout.pi_format;
}

/// On a disk that checks the data of writes, but not those of reads.
class EmulatedCopy : public testing::TestWithParam<Layout> {
protected:
    static constexpr uint64_t num_blocks = 8192;

    EmulatedCopy() {
        const Layout& layout = GetParam();
        host.add(&raw_disk_module);
        disk.bdev.md_len = layout.md_size;
        disk.bdev.dif_type = layout.dif_type;
        disk.bdev.dif_pi_format = layout.pi_format;
        if (layout.dif_type != 0)
            disk.bdev.dif_check_flags = BDK_DIF_CHECK_GUARD | BDK_DIF_CHECK_APPTAG | BDK_DIF_CHECK_REFTAG;
        if (layout.interleave) disk.flags |= BDK_BDEV_MD_INTERLEAVED;
        if (layout.head) disk.flags |= BDK_BDEV_DIF_HEAD_OF_MD;
        disk.block_size = 512 + (layout.interleave ? layout.md_size : 0);
        call_on_app_thread([&] {
            EXPECT_EQ(disk.add_strict(), 0);
            disk.on_submit = [this, take = disk.on_submit](bdk_bdev_io* io) {
                bdk_dif_error error{};
                error.size = sizeof(error);
                const bool checks = checked && io->type == BDK_BDEV_IO_TYPE_WRITE;
                if (checks && GetParam().dif_type != 0 && bdk_bdev_io_dif_verify(io, &error) != 0)
                    return bdk_bdev_io_complete_dif_error(io, &error);
                take(io);
            };
        });
        client = std::make_unique<Client>("disk", Access::write);
    }

    /// Copies blocks with these data there and back again, and onto themselves.
    void copies(uint64_t blocks) {
        const std::vector<std::byte> data = pattern(blocks * 512);
        for (const uint64_t to : {1500, 1000, 11, 9, 10}) {
            ASSERT_TRUE(write_blocks(*client, ProtectedBlocks(client->bdev(), 10, data)).ok());
            ASSERT_TRUE(client->copy(to, 10, blocks).ok());
            const ProtectedBlocks copied = read_blocks(*client, to, blocks);
            EXPECT_EQ(copied.data(), data) << "with protection information of the new place";
            if (GetParam().dif_type == 3) continue;  // nothing changes its reference tags
            const ProtectedBlocks expected(client->bdev(), to, data);
            EXPECT_EQ(copied.bytes, expected.bytes);
            EXPECT_EQ(copied.md, expected.md);
        }
    }

    bool checked = true;
    StrictDisk disk{"disk", num_blocks};
    TestHost host;
    std::unique_ptr<Client> client;
};

INSTANTIATE_TEST_SUITE_P(Layouts, EmulatedCopy,
                         testing::Values(Layout{8, true, 1, false, 0}, Layout{8, false, 1, false, 0},
                                         Layout{64, true, 2, true, 0}, Layout{16, false, 2, true, 0},
                                         Layout{16, true, 3, false, 0}, Layout{16, false, 1, false, 1},
                                         Layout{16, true, 0, false, 0}, Layout{16, false, 0, false, 0}));

TEST_P(EmulatedCopy, FitsItsNewPlace) {
    EXPECT_TRUE(client->supports(BDK_BDEV_IO_TYPE_COPY));
    copies(8);
    EXPECT_EQ(disk.wrong, "");
}

TEST_P(EmulatedCopy, FitsInPieces) {
    const size_t before = disk.came.size();
    copies(5000);
    EXPECT_GT(disk.came.size() - before, 5 * 4u)
        << "more than a write, a copy of two I/Os and a read, five times";
}

TEST_P(EmulatedCopy, KeepsMetadataWithoutProtection) {
    if (GetParam().dif_type != 0) return;
    ProtectedBlocks blocks(client->bdev(), 10, pattern(8 * 512));
    blocks.bytes = pattern(blocks.bytes.size(), 2);
    blocks.md = pattern(blocks.md.size(), 3);
    ASSERT_TRUE(write_blocks(*client, blocks).ok());
    ASSERT_TRUE(client->copy(100, 10, 8).ok());
    const ProtectedBlocks copied = read_blocks(*client, 100, 8);
    EXPECT_EQ(copied.bytes, blocks.bytes);
    EXPECT_EQ(copied.md, blocks.md);
}

TEST_P(EmulatedCopy, LeavesBlocksThatAreNotToBeCheckedAsTheyAre) {
    if (GetParam().dif_type == 0) return;
    // With an application tag (and, in type 3, a reference tag) of all ones, the block is not checked.
    checked = false;
    ProtectedBlocks blocks(client->bdev(), 10, std::vector<std::byte>(2 * 512));
    std::fill(blocks.bytes.begin(), blocks.bytes.end(), std::byte{0xff});
    std::fill(blocks.md.begin(), blocks.md.end(), std::byte{0xff});
    ASSERT_TRUE(write_blocks(*client, blocks).ok());
    checked = true;
    ASSERT_TRUE(client->copy(100, 10, 2).ok());
    const ProtectedBlocks copied = read_blocks(*client, 100, 2);
    EXPECT_EQ(copied.bytes, blocks.bytes);
    EXPECT_EQ(copied.md, blocks.md);
}

TEST_P(EmulatedCopy, FindsDamageAndWritesNothing) {
    if (GetParam().dif_type == 0) return;
    const std::vector<std::byte> data = pattern(8 * 512);
    for (const auto& [what, sc] : {std::pair<uint32_t, uint32_t>{BDK_DIF_INJECT_GUARD, guard_error},
                                   {BDK_DIF_INJECT_REFTAG, ref_tag_error}}) {
        if (what == BDK_DIF_INJECT_REFTAG && GetParam().dif_type == 3) continue;
        ProtectedBlocks damaged(client->bdev(), 10, data);
        damaged.inject(5, what);
        checked = false;
        ASSERT_TRUE(write_blocks(*client, damaged).ok());
        checked = true;
        const ProtectedBlocks before(client->bdev(), 100, pattern(8 * 512, 2));
        ASSERT_TRUE(write_blocks(*client, before).ok());
        const IoResult result = client->copy(100, 10, 8);
        EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_NVME_ERROR);
        EXPECT_EQ(result.nvme_sct, 2u);
        EXPECT_EQ(result.nvme_sc, sc);
        EXPECT_EQ(read_blocks(*client, 100, 8).bytes, before.bytes);
    }
}

TEST_P(EmulatedCopy, WorksForADescWithoutMetadata) {
    Client plain("disk", Access::write, nullptr, Metadata::hidden);
    const std::vector<std::byte> data = pattern(700 * 512);
    ASSERT_TRUE(plain.write(10, data).ok());
    ASSERT_TRUE(plain.copy(200, 10, 700).ok());
    EXPECT_EQ(plain.read(200, 700), data);
    EXPECT_EQ(read_blocks(*client, 200, 700).data(), data);
}

}  // namespace
}  // namespace bdk::test
