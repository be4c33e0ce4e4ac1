// SPDX-License-Identifier: BSD-3-Clause
// Malloc disks whose blocks have metadata.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <string>
#include <tuple>

#include "support/client.hpp"
#include "support/metadata_layout.hpp"
#include "support/protected_blocks.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t mib = 1 << 20;

std::vector<std::byte> zeroes(size_t length) {
    return std::vector<std::byte>(length);
}

GivenOptions disk_options(GivenOptions more) {
    more.insert(more.begin(), {{"size", uint64_t{16 * mib}}, {"block_size", 512}});
    return more;
}

/* ---- with protection information, in every layout ---- */

class ProtectedMalloc : public testing::TestWithParam<MetadataLayout> {
protected:
    ProtectedMalloc() {
        host.load("malloc");
        const MetadataLayout& layout = GetParam();
        EXPECT_EQ(host.create("malloc", "disk",
                              disk_options(layout.options(
                                  {{"md_interleave", layout.interleave}, {"dif_check_app_tag", true}}))),
                  0);
    }

    TestHost host;
};

INSTANTIATE_TEST_SUITE_P(
    Layouts, ProtectedMalloc,
    testing::Values(MetadataLayout{8, true, 1, false, 0}, MetadataLayout{8, false, 1, false, 0},
                    MetadataLayout{16, true, 1, true, 0}, MetadataLayout{64, false, 2, false, 0},
                    MetadataLayout{16, true, 3, false, 0}, MetadataLayout{16, false, 3, true, 0},
                    MetadataLayout{16, true, 1, false, 1}, MetadataLayout{64, false, 3, false, 1},
                    MetadataLayout{128, true, 2, true, 1}));

TEST_P(ProtectedMalloc, IsAsLargeAsItsData) {
    Client client("disk", Access::read);
    EXPECT_EQ(client.num_blocks(), 16 * mib / 512);
    EXPECT_EQ(client.block_size(), 512 + (GetParam().interleave ? GetParam().md_size : 0));
    EXPECT_EQ(bdk_bdev_get_data_block_size(client.bdev()), 512u);
    EXPECT_EQ(bdk_bdev_get_md_size(client.bdev()), GetParam().md_size);
    EXPECT_EQ(bdk_bdev_get_dif_type(client.bdev()), GetParam().dif_type);
    EXPECT_FALSE(client.supports(BDK_BDEV_IO_TYPE_ZCOPY));
}

TEST_P(ProtectedMalloc, UnwrittenBlocksAreZeroAndPassEveryCheck) {
    Client client("disk", Access::read);
    EXPECT_EQ(read_blocks(client, 100, 9).data(), zeroes(9 * 512));
    EXPECT_EQ(read_blocks(client, client.num_blocks() - 1, 1).data(), zeroes(512));
}

TEST_P(ProtectedMalloc, ReadsBackDataAndMetadata) {
    Client client("disk", Access::write);
    const ProtectedBlocks written(client.bdev(), 70, pattern(5 * 512));
    ASSERT_TRUE(write_blocks(client, written).ok());
    const ProtectedBlocks back = read_blocks(client, 70, 5);
    EXPECT_EQ(back.bytes, written.bytes);
    EXPECT_EQ(back.md, written.md);
    EXPECT_EQ(read_blocks(client, 69, 1).data(), zeroes(512));
    EXPECT_EQ(read_blocks(client, 75, 1).data(), zeroes(512));
}

struct Damage {
    uint32_t what, check, sc;
};
constexpr Damage damages[] = {{BDK_DIF_INJECT_GUARD, BDK_DIF_CHECK_GUARD, guard_error},
                              {BDK_DIF_INJECT_APPTAG, BDK_DIF_CHECK_APPTAG, app_tag_error},
                              {BDK_DIF_INJECT_REFTAG, BDK_DIF_CHECK_REFTAG, ref_tag_error},
                              {BDK_DIF_INJECT_DATA, BDK_DIF_CHECK_GUARD, guard_error}};

TEST_P(ProtectedMalloc, RefusesAWriteThatIsDamaged) {
    Client client("disk", Access::write);
    for (const Damage& damage : damages) {
        ProtectedBlocks blocks(client.bdev(), 3, pattern(4 * 512));
        blocks.inject(2, damage.what);
        const bool unchecked = GetParam().dif_type == 3 && damage.check == BDK_DIF_CHECK_REFTAG;
        const IoResult result = write_blocks(client, blocks);
        EXPECT_EQ(result.ok(), unchecked);
        if (unchecked) continue;
        EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_NVME_ERROR);
        EXPECT_EQ(result.nvme_sct, 2u);
        EXPECT_EQ(result.nvme_sc, damage.sc);
    }
    if (GetParam().dif_type != 3) {
        EXPECT_EQ(read_blocks(client, 3, 4).data(), zeroes(4 * 512)) << "nothing was written";
    }
}

TEST_P(ProtectedMalloc, FindsStoredDamageWhenRead) {
    Client client("disk", Access::write);
    for (const Damage& damage : damages) {
        if (GetParam().dif_type == 3 && damage.check == BDK_DIF_CHECK_REFTAG) continue;
        ProtectedBlocks blocks(client.bdev(), 3, pattern(4 * 512));
        blocks.inject(1, damage.what);
        ASSERT_TRUE(write_blocks(client, blocks, damage.check).ok());
        ProtectedBlocks back = blocks;
        const IoResult result = read_blocks(client, back);
        EXPECT_EQ(result.nvme_sct, 2u);
        EXPECT_EQ(result.nvme_sc, damage.sc);
        EXPECT_TRUE(read_blocks(client, back, damage.check).ok()) << "that check was left out";
        EXPECT_EQ(back.bytes, blocks.bytes);
        EXPECT_EQ(client.copy(1000, 3, 4).nvme_sc, damage.sc) << "a copy reads";
    }
    EXPECT_EQ(read_blocks(client, 1000, 4).data(), zeroes(4 * 512)) << "nothing was copied";
}

TEST_P(ProtectedMalloc, UnmapAndWriteZeroesMakeBlocksUnwritten) {
    Client client("disk", Access::write);
    for (const bool unmap : {false, true}) {
        const std::vector<std::byte> data = pattern(64 * 512);
        ASSERT_TRUE(write_blocks(client, ProtectedBlocks(client.bdev(), 0, data)).ok());
        ASSERT_TRUE((unmap ? client.unmap(3, 40) : client.write_zeroes(3, 40)).ok());
        std::vector<std::byte> expected = data;
        std::fill_n(expected.begin() + 3 * 512, 40 * 512, std::byte{0});
        EXPECT_EQ(read_blocks(client, 0, 64).data(), expected);
        ASSERT_TRUE(client.unmap(0, client.num_blocks()).ok()) << "in steps";
        EXPECT_EQ(read_blocks(client, 0, 64).data(), zeroes(64 * 512));
    }
}

TEST_P(ProtectedMalloc, CopiedBlocksFitTheirNewPlace) {
    Client client("disk", Access::write);
    const std::vector<std::byte> data = pattern(8 * 512);
    ASSERT_TRUE(write_blocks(client, ProtectedBlocks(client.bdev(), 10, data)).ok());
    ASSERT_TRUE(client.copy(500, 10, 8).ok());
    const ProtectedBlocks copied = read_blocks(client, 500, 8);
    EXPECT_EQ(copied.data(), data);
    if (GetParam().dif_type != 3) {
        EXPECT_EQ(copied.bytes, ProtectedBlocks(client.bdev(), 500, data).bytes);
    }
    ASSERT_TRUE(client.copy(12, 10, 8).ok()) << "overlapping";
    EXPECT_EQ(read_blocks(client, 12, 8).data(), data);
    ASSERT_TRUE(client.copy(2000, 3000, 8).ok()) << "unwritten blocks";
    EXPECT_EQ(read_blocks(client, 2000, 8).data(), zeroes(8 * 512));
}

TEST_P(ProtectedMalloc, ComparesMetadataToo) {
    Client client("disk", Access::write);
    ProtectedBlocks blocks(client.bdev(), 20, pattern(3 * 512));
    ASSERT_TRUE(write_blocks(client, blocks).ok());
    const auto compare = [&] {
        iovec iov{blocks.bytes.data(), blocks.bytes.size()};
        bdk_bdev_io_opts opts{};
        opts.size = sizeof(opts);
        opts.md_buf = blocks.md.empty() ? nullptr : blocks.md.data();
        return client.run([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_comparev_blocks(desc, ch, &iov, 1, 20, 3, &opts, cb, arg);
        });
    };
    EXPECT_TRUE(compare().ok());
    for (const Damage& damage : damages) {
        blocks.inject(2, damage.what);
        EXPECT_EQ(compare().status, BDK_BDEV_IO_STATUS_MISCOMPARE);
        blocks.inject(2, damage.what);
    }
    EXPECT_TRUE(compare().ok());
}

TEST_P(ProtectedMalloc, IsReadableWithAHostsBuffer) {
    Client client("disk", Access::write);
    const ProtectedBlocks blocks(client.bdev(), 5, pattern(512));
    ASSERT_TRUE(write_blocks(client, blocks).ok());
    const IoResult result = client.read_without_buffer(5, 1);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.data, blocks.bytes);
}

/* ---- through layers ---- */

TEST_P(ProtectedMalloc, TwoLayersPassMetadataAndErrors) {
    host.load("passthru");
    ASSERT_EQ(host.create("passthru", "mid", {{"base", "disk"}}), 0);
    ASSERT_EQ(host.create("passthru", "top", {{"base", "mid"}}), 0);
    Client client("top", Access::write);
    EXPECT_EQ(client.block_size(), 512 + (GetParam().interleave ? GetParam().md_size : 0));
    EXPECT_EQ(bdk_bdev_get_dif_type(client.bdev()), GetParam().dif_type);
    const ProtectedBlocks written(client.bdev(), 7, pattern(2 * 512));
    ASSERT_TRUE(write_blocks(client, written).ok());
    EXPECT_EQ(read_blocks(client, 7, 2).bytes, written.bytes);
    for (const Damage& damage : damages) {
        if (GetParam().dif_type == 3 && damage.check == BDK_DIF_CHECK_REFTAG) continue;
        ProtectedBlocks blocks = written;
        blocks.inject(1, damage.what);
        EXPECT_EQ(write_blocks(client, blocks).nvme_sc, damage.sc);
        ASSERT_TRUE(write_blocks(client, blocks, damage.check).ok());
        const IoResult result = read_blocks(client, blocks);
        EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_NVME_ERROR);
        EXPECT_EQ(result.nvme_sct, 2u);
        EXPECT_EQ(result.nvme_sc, damage.sc);
    }
}

/* ---- the rest ---- */

class MallocWithMetadata : public testing::Test {
protected:
    MallocWithMetadata() { host.load("malloc"); }

    TestHost host;
};

TEST_F(MallocWithMetadata, KeepsMetadataWithoutPi) {
    for (const bool interleave : {true, false}) {
        const std::string name = interleave ? "interleaved" : "separate";
        ASSERT_EQ(host.create("malloc", name, disk_options({{"md_size", 16}, {"md_interleave", interleave}})),
                  0);
        Client client(name, Access::write);
        ProtectedBlocks blocks(client.bdev(), 9, pattern(4 * 512));
        EXPECT_EQ(read_blocks(client, 9, 4).metadata(), zeroes(4 * 16));
        blocks.bytes = pattern(blocks.bytes.size(), 2);
        blocks.md = pattern(blocks.md.size(), 3);
        ASSERT_TRUE(write_blocks(client, blocks).ok());
        EXPECT_EQ(read_blocks(client, 9, 4).bytes, blocks.bytes);
        EXPECT_EQ(read_blocks(client, 9, 4).md, blocks.md);
    }
}

TEST_F(MallocWithMetadata, MakesPiForAClientWithoutMetadataBuffer) {
    ASSERT_EQ(host.create("malloc", "disk", disk_options({{"md_size", 16}, {"dif_type", 1}})), 0);
    Client client("disk", Access::write);
    const std::vector<std::byte> data = pattern(4 * 512);
    ASSERT_TRUE(client.write(30, data).ok());
    EXPECT_EQ(client.read(30, 4), data);
    EXPECT_EQ(read_blocks(client, 30, 4).md, ProtectedBlocks(client.bdev(), 30, data).md);

    ProtectedBlocks damaged(client.bdev(), 30, data);
    damaged.inject(3, BDK_DIF_INJECT_DATA);
    ASSERT_TRUE(write_blocks(client, damaged, BDK_DIF_CHECK_GUARD).ok());
    EXPECT_EQ(client.try_read(30, 4).nvme_sc, guard_error) << "checked although it is not asked for";
}

TEST_F(MallocWithMetadata, WithoutPiItLeavesMetadataThatAreNotBrought) {
    ASSERT_EQ(host.create("malloc", "disk", disk_options({{"md_size", 8}})), 0);
    Client client("disk", Access::write);
    ProtectedBlocks blocks(client.bdev(), 0, pattern(512));
    blocks.md = pattern(8, 5);
    ASSERT_TRUE(write_blocks(client, blocks).ok());
    ASSERT_TRUE(client.write(0, pattern(512, 6)).ok());
    EXPECT_EQ(read_blocks(client, 0, 1).md, pattern(8, 5));
    EXPECT_EQ(read_blocks(client, 0, 1).bytes, pattern(512, 6));
}

TEST_F(MallocWithMetadata, TakesAMetadataBufferOnlyForSeparateMetadata) {
    ASSERT_EQ(host.create("malloc", "none", disk_options({})), 0);
    ASSERT_EQ(host.create("malloc", "interleaved", disk_options({{"md_size", 8}, {"md_interleave", true}})),
              0);
    for (const char* name : {"none", "interleaved"}) {
        Client client(name, Access::write);
        ProtectedBlocks blocks(client.bdev(), 0, pattern(512));
        blocks.md = zeroes(8);
        EXPECT_EQ(write_blocks(client, blocks).rc, -EINVAL);
    }
}

uint64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    uint64_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * uint64_t(sysconf(_SC_PAGESIZE));
}

TEST_F(MallocWithMetadata, FourGibibytesWithPiCostNothingUntilTouched) {
    const uint64_t before = resident_bytes();
    ASSERT_EQ(host.create("malloc", "large",
                          {{"size", 4096 * mib}, {"md_size", 8}, {"md_interleave", true}, {"dif_type", 1}}),
              0);
    Client client("large", Access::write);
    const uint64_t last = client.num_blocks() - 1;
    ASSERT_TRUE(write_blocks(client, ProtectedBlocks(client.bdev(), last, pattern(512))).ok());
    EXPECT_EQ(read_blocks(client, last, 1).data(), pattern(512));
    EXPECT_EQ(read_blocks(client, 0, 1).data(), zeroes(512));
    EXPECT_LT(resident_bytes(), before + 64 * mib);
}

TEST_F(MallocWithMetadata, AbortAndResetEndZeroing) {
    ASSERT_EQ(host.create("malloc", "large", {{"size", 4096 * mib}, {"md_size", 8}, {"dif_type", 1}}), 0);
    Client client("large", Access::write);
    Awaited<IoResult> zeroing, reset;
    call_on(client.thread(), [&] {
        zeroing = client.start([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_unmap_blocks(desc, ch, 0, bdk_bdev_get_num_blocks(client.bdev()), nullptr, cb,
                                         arg);
        });
        reset = client.start([](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_reset(desc, ch, nullptr, cb, arg);
        });
    });
    EXPECT_TRUE(reset.get().ok());
    EXPECT_EQ(zeroing.get().status, BDK_BDEV_IO_STATUS_ABORTED);
}

TEST_F(MallocWithMetadata, RefusesLayoutsThatCannotBe) {
    const auto create = [&](GivenOptions more) { return host.create("malloc", "disk", disk_options(more)); };
    EXPECT_EQ(create({{"dif_type", 1}}), -EINVAL) << "no metadata";
    EXPECT_EQ(create({{"md_size", 4}}), -EINVAL);
    EXPECT_EQ(create({{"md_size", 24}}), -EINVAL);
    EXPECT_EQ(create({{"md_size", 8}, {"dif_type", 1}, {"dif_pi_format", 1}}), -EINVAL) << "too short";
    EXPECT_EQ(create({{"md_size", 16}, {"dif_type", 1}, {"dif_pi_format", 2}}), -EINVAL);
    EXPECT_EQ(create({{"md_size", 16}, {"dif_type", 4}}), -EINVAL);
    EXPECT_EQ(create({{"physical_block_size", 1000}}), -EINVAL);
    EXPECT_EQ(create({{"physical_block_size", 256}}), -EINVAL);
    EXPECT_FALSE(host.exists("disk"));
}

TEST_F(MallocWithMetadata, TellsItsHints) {
    ASSERT_EQ(host.create(
                  "malloc", "disk",
                  disk_options(
                      {{"physical_block_size", 4096}, {"optimal_io_boundary", 64}, {"write_unit_size", 8}})),
              0);
    Client client("disk", Access::read);
    EXPECT_EQ(bdk_bdev_get_physical_block_size(client.bdev()), 4096u);
    EXPECT_EQ(bdk_bdev_get_optimal_io_boundary(client.bdev()), 64u);
    EXPECT_EQ(bdk_bdev_get_write_unit_size(client.bdev()), 8u);
}

}  // namespace
}  // namespace bdk::test
