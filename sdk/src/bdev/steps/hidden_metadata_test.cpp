// SPDX-License-Identifier: BSD-3-Clause
// Clients that see the data of a bdev without its metadata, beside clients that see all of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>

#include "support/client.hpp"
#include "support/metadata_layout.hpp"
#include "support/protected_blocks.hpp"
#include "support/test_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

constexpr uint64_t mib = 1 << 20;

std::vector<std::byte> zeroes(size_t length) {
    return std::vector<std::byte>(length);
}

/// Through a virtual bdev, so that metadata pass a layer.
class HiddenMetadata : public testing::TestWithParam<MetadataLayout> {
protected:
    HiddenMetadata() {
        host.load("malloc");
        host.load("passthru");
        const MetadataLayout& layout = GetParam();
        EXPECT_EQ(host.create("malloc", "disk",
                              layout.options({{"size", uint64_t{16 * mib}},
                                              {"block_size", 512},
                                              {"md_interleave", layout.interleave}})),
                  0);
        EXPECT_EQ(host.create("passthru", "top", {{"base", "disk"}}), 0);
        whole = std::make_unique<Client>("top", Access::write);
        plain = std::make_unique<Client>("top", Access::write, nullptr, Metadata::hidden);
    }

    TestHost host;
    std::unique_ptr<Client> whole;
    std::unique_ptr<Client> plain;
};

INSTANTIATE_TEST_SUITE_P(
    Layouts, HiddenMetadata,
    testing::Values(MetadataLayout{8, true, 1, false, 0}, MetadataLayout{64, true, 2, true, 0},
                    MetadataLayout{16, true, 3, false, 1}, MetadataLayout{8, false, 1, false, 0},
                    MetadataLayout{16, false, 1, true, 1}, MetadataLayout{16, true, 0, false, 0},
                    MetadataLayout{16, false, 0, false, 0}));

TEST_P(HiddenMetadata, TheDescHasDataAlone) {
    EXPECT_EQ(plain->block_size(), 512u);
    EXPECT_EQ(bdk_bdev_desc_get_dif_type(plain->desc()), 0u);
    EXPECT_FALSE(bdk_bdev_desc_is_md_interleaved(plain->desc()));
    EXPECT_EQ(whole->block_size(), 512u + uint32_t(GetParam().interleave ? GetParam().md_size : 0));
    EXPECT_EQ(bdk_bdev_desc_get_md_size(whole->desc()), uint32_t(GetParam().md_size));
    EXPECT_EQ(bdk_bdev_desc_get_dif_type(whole->desc()), uint32_t(GetParam().dif_type));
    EXPECT_EQ(bdk_bdev_desc_is_md_interleaved(whole->desc()), GetParam().interleave);
}

TEST_P(HiddenMetadata, AWriteGetsMetadataAndAReadLosesThem) {
    const std::vector<std::byte> data = pattern(9 * 512);
    ASSERT_TRUE(plain->write(30, data).ok());
    EXPECT_EQ(read_blocks(*whole, 30, 9).data(), data) << "and PI that is right";
    EXPECT_EQ(plain->read(30, 9), data);
    ASSERT_TRUE(write_blocks(*whole, ProtectedBlocks(whole->bdev(), 100, data)).ok());
    EXPECT_EQ(plain->read(100, 9), data);
    EXPECT_EQ(plain->read(39, 61), zeroes(61 * 512)) << "unwritten";
}

struct IgnoreEvents {
    void on_event(uint32_t, bdk_bdev*) {}
};

TEST_P(HiddenMetadata, TheCppLayerOpensSo) {
    call_on_app_thread([plain_desc = plain->desc()] {
        IgnoreEvents ignore;
        const auto open = [&](auto... metadata) {
            return bdevkit::Desc::open<&IgnoreEvents::on_event>("top", bdevkit::Access::read, &ignore,
                                                                metadata...);
        };
        const bdevkit::Desc hidden = open(bdevkit::Metadata::hidden), shown = open();
        EXPECT_EQ(hidden.block_size(), 512u);
        EXPECT_EQ(bdk_bdev_desc_get_md_size(hidden.get()), bdk_bdev_desc_get_md_size(plain_desc));
        EXPECT_EQ(bdk_bdev_desc_get_md_size(shown.get()), uint32_t(GetParam().md_size));
        EXPECT_EQ(shown.block_size(), 512u + uint32_t(GetParam().interleave ? GetParam().md_size : 0));
    });
}

TEST_P(HiddenMetadata, AnOpenThatWaitsTakesItsOptionsAlong) {
    struct State {
        bdk_bdev_desc* desc = nullptr;
        std::function<void(int)> set;
    } state;
    Awaited<int> opened;
    state.set = opened.setter();
    const auto on_open = [](bdk_bdev_desc* desc, int rc, void* ctx) {
        auto* self = static_cast<State*>(ctx);
        self->desc = desc;
        self->set(rc);
    };
    call_on_app_thread([&] {
        const auto ignore = [](uint32_t, bdk_bdev*, void*) {};
        ASSERT_EQ(bdk_bdev_open_async("late", BDK_BDEV_OPEN_HIDE_METADATA, ignore, nullptr, 60'000, on_open,
                                      &state),
                  0);
    });
    whole.reset();
    plain.reset();
    ASSERT_EQ(host.create("passthru", "late", {{"base", "top"}}), 0);
    ASSERT_EQ(opened.get(), 0);
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_desc_get_block_size(state.desc), 512u);
        EXPECT_EQ(bdk_bdev_desc_get_dif_type(state.desc), 0u);
        bdk_bdev_close(state.desc);
    });
}

TEST_P(HiddenMetadata, OffsetsInBytesAreOfData) {
    std::vector<std::byte> data = pattern(1024);
    ASSERT_TRUE(plain
                    ->run([&](auto* desc, auto* ch, auto cb, void* arg) {
                        return bdk_bdev_write(desc, ch, data.data(), 512 * 7, 1024, nullptr, cb, arg);
                    })
                    .ok());
    EXPECT_EQ(plain->read(7, 2), data);
    EXPECT_EQ(plain
                  ->run([&](auto* desc, auto* ch, auto cb, void* arg) {
                      return bdk_bdev_write(desc, ch, data.data(), 520, 520, nullptr, cb, arg);
                  })
                  .rc,
              -EINVAL);
}

TEST_P(HiddenMetadata, LargeRequestsGoInPieces) {
    const std::vector<std::byte> data = pattern(5 * mib + 512);
    ASSERT_TRUE(plain->write(3, data).ok());
    EXPECT_EQ(plain->read(3, data.size() / 512), data);
    EXPECT_EQ(read_blocks(*whole, 3, data.size() / 512).data(), data);
    EXPECT_TRUE(plain->compare(3, data).ok());
}

TEST_P(HiddenMetadata, BuffersComeInAnyPieces) {
    std::mt19937_64 random(7);
    for (int round = 0; round < 20; round++) {
        const uint64_t blocks = 1 + random() % 600;
        std::vector<std::byte> data = pattern(blocks * 512, random()), back(data.size());
        const auto scattered = [&](std::vector<std::byte>& bytes) {
            std::vector<iovec> iovs;
            for (size_t at = 0; at < bytes.size(); at += iovs.back().iov_len)
                iovs.push_back({&bytes[at], std::min<size_t>(1 + random() % 3000, bytes.size() - at)});
            return iovs;
        };
        std::vector<iovec> from = scattered(data), to = scattered(back);
        const uint64_t at = random() % 10000;
        ASSERT_TRUE(plain
                        ->run([&](auto* desc, auto* ch, auto cb, void* arg) {
                            return bdk_bdev_writev_blocks(desc, ch, from.data(), int32_t(from.size()), at,
                                                          blocks, nullptr, cb, arg);
                        })
                        .ok());
        ASSERT_TRUE(plain
                        ->run([&](auto* desc, auto* ch, auto cb, void* arg) {
                            return bdk_bdev_readv_blocks(desc, ch, to.data(), int32_t(to.size()), at, blocks,
                                                         nullptr, cb, arg);
                        })
                        .ok());
        ASSERT_EQ(back, data);
    }
}

TEST_P(HiddenMetadata, AReadMayLeaveTheBufferToTheHost) {
    const std::vector<std::byte> data = pattern(3 * 512);
    ASSERT_TRUE(plain->write(5, data).ok());
    const IoResult result = plain->read_without_buffer(5, 3);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.data, data);
}

TEST_P(HiddenMetadata, ComparesDataAlone) {
    std::vector<std::byte> data = pattern(4 * 512);
    ASSERT_TRUE(write_blocks(*whole, ProtectedBlocks(whole->bdev(), 5, data)).ok());
    EXPECT_TRUE(plain->compare(5, data).ok());
    EXPECT_TRUE(plain->compare(1000, zeroes(512)).ok()) << "unwritten";
    data[3 * 512 + 1] ^= std::byte{1};
    EXPECT_EQ(plain->compare(5, data).status, BDK_BDEV_IO_STATUS_MISCOMPARE);
}

TEST_P(HiddenMetadata, ComparesAndWrites) {
    std::vector<std::byte> old = pattern(512, 1), fresh = pattern(512, 2);
    ASSERT_TRUE(plain->write(8, old).ok());
    const auto swap = [&](std::vector<std::byte>& expected, std::vector<std::byte>& wanted) {
        iovec compare{expected.data(), 512}, write{wanted.data(), 512};
        return plain->run([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_comparev_and_writev_blocks(desc, ch, &compare, 1, &write, 1, 8, 1, nullptr, cb,
                                                       arg);
        });
    };
    EXPECT_EQ(swap(fresh, old).status, BDK_BDEV_IO_STATUS_MISCOMPARE);
    EXPECT_EQ(plain->read(8, 1), old);
    EXPECT_TRUE(swap(old, fresh).ok());
    EXPECT_EQ(read_blocks(*whole, 8, 1).data(), fresh);
}

TEST_P(HiddenMetadata, ZeroesUnmapAndCopyPass) {
    const std::vector<std::byte> data = pattern(8 * 512);
    for (const bool unmap : {false, true}) {
        ASSERT_TRUE(plain->write(20, data).ok());
        ASSERT_TRUE(plain->copy(200, 20, 8).ok());
        EXPECT_EQ(plain->read(200, 8), data);
        ASSERT_TRUE((unmap ? plain->unmap(20, 8) : plain->write_zeroes(20, 8)).ok());
        EXPECT_EQ(plain->read(20, 8), zeroes(8 * 512));
    }
    EXPECT_TRUE(plain->flush(0, 100).ok());
    EXPECT_TRUE(plain->reset().ok());
}

TEST_P(HiddenMetadata, RefusesMetadataBuffersAndZcopy) {
    std::vector<std::byte> data = pattern(512), md(64);
    const bool separate_without_pi = !GetParam().interleave && GetParam().dif_type == 0;
    iovec iov{data.data(), 512};
    bdk_bdev_io_opts opts{};
    opts.size = sizeof(opts);
    opts.md_buf = md.data();
    const IoResult result = plain->run([&](auto* desc, auto* ch, auto cb, void* arg) {
        return bdk_bdev_writev_blocks(desc, ch, &iov, 1, 0, 1, &opts, cb, arg);
    });
    EXPECT_EQ(result.rc, separate_without_pi ? 0 : -EINVAL);
    EXPECT_EQ(plain
                  ->run([](auto* desc, auto* ch, auto cb, void* arg) {
                      return bdk_bdev_zcopy_start(desc, ch, 0, 1, true, nullptr, cb, arg);
                  })
                  .rc,
              -ENOTSUP);
}

/* ---- the host's own checks: the disk makes none ---- */

class UncheckedDisk : public testing::Test {
protected:
    UncheckedDisk() {
        TestDisk::configure() = [](bdk_bdev& bdev) {
            bdev.md_len = 8;
            bdev.flags |= BDK_BDEV_MD_INTERLEAVED;
            bdev.dif_type = 1;
            bdev.dif_check_flags = BDK_DIF_CHECK_GUARD | BDK_DIF_CHECK_REFTAG | BDK_DIF_CHECK_APPTAG;
        };
        EXPECT_EQ(host.add(&test_disk_module), 0);
        const uint64_t types = bdevkit::io_types(bdevkit::IoType::read, bdevkit::IoType::write);
        EXPECT_EQ(host.create("test_disk", "disk", {{"block_size", 520}, {"types", types}}), 0);
        TestDisk::configure() = nullptr;
    }

    TestHost host;
};

TEST_F(UncheckedDisk, DamageIsFoundOnTheWayUp) {
    Client whole("disk", Access::write);
    Client plain("disk", Access::write, nullptr, Metadata::hidden);
    const std::vector<std::byte> data = pattern(512 * 512);
    for (const auto& [what, sc] : {std::pair<uint32_t, uint32_t>{BDK_DIF_INJECT_GUARD, guard_error},
                                   {BDK_DIF_INJECT_DATA, guard_error},
                                   {BDK_DIF_INJECT_APPTAG, app_tag_error},
                                   {BDK_DIF_INJECT_REFTAG, ref_tag_error}}) {
        ProtectedBlocks blocks(whole.bdev(), 10, data);
        blocks.inject(500, what);
        ASSERT_TRUE(write_blocks(whole, blocks).ok()) << "the disk does not look";
        const IoResult result = plain.try_read(10, 512);
        EXPECT_EQ(result.status, BDK_BDEV_IO_STATUS_NVME_ERROR);
        EXPECT_EQ(result.nvme_sct, 2u);
        EXPECT_EQ(result.nvme_sc, sc);
        EXPECT_EQ(plain.compare(10, data).nvme_sc, sc);
        EXPECT_TRUE(plain.try_read(10, 500).ok());
    }
}

TEST_F(UncheckedDisk, EmulatedWriteZeroesLeavesValidBlocks) {
    Client whole("disk", Access::write);
    Client plain("disk", Access::write, nullptr, Metadata::hidden);
    for (Client* client : {&whole, &plain}) {
        ASSERT_TRUE(plain.write(0, pattern(1000 * 512)).ok());
        ASSERT_TRUE(client->write_zeroes(1, 998).ok());
        EXPECT_EQ(plain.read(1, 998), zeroes(998 * 512));
        EXPECT_EQ(read_blocks(whole, 1, 998).data(), zeroes(998 * 512));
        EXPECT_EQ(plain.read(0, 1), pattern(512));
    }
}

}  // namespace
}  // namespace bdk::test
