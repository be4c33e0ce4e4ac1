// SPDX-License-Identifier: BSD-3-Clause
// Protection information through bdevs that shift I/O to other blocks of their base.
#include <gtest/gtest.h>

#include <bdevkit/virtual_bdev.hpp>
#include <memory>
#include <string>
#include <tuple>

#include "support/client.hpp"
#include "support/protected_blocks.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// The base from its block 10 on.
class Shifted : public bdevkit::VirtualBdev<Shifted> {
public:
    static constexpr int64_t by = 10;

    struct Options {
        bdevkit::BdevName base;
    };
    static constexpr bdk_option options[] = {BDEVKIT_OPTION(base, "The base.").required()};

    Shifted(const char* name, const Options& given) : VirtualBdev(name, given.base) { bdev().blockcnt -= by; }

    static const bdk_module* module() noexcept;

    void submit(Channel& ch, bdevkit::Io io) { forward_shifted(ch, io, by); }
};

constinit const bdk_module shifted_module = bdevkit::make_module<Shifted>({.name = "shifted"});
const bdk_module* Shifted::module() noexcept {
    return &shifted_module;
}

/// One layer uses a frame of the bdev_io; twelve use them up.
class RefTags : public testing::TestWithParam<std::tuple<int, bool>> {
protected:
    RefTags() {
        host.load("malloc");
        EXPECT_EQ(host.add(&shifted_module), 0);
        EXPECT_EQ(host.create("malloc", "layer0",
                              {{"size", 1 << 20},
                               {"md_size", 8},
                               {"md_interleave", std::get<1>(GetParam())},
                               {"dif_type", 1}}),
                  0);
        for (int i = 0; i < layers(); i++)
            EXPECT_EQ(host.create("shifted", "layer" + std::to_string(i + 1),
                                  {{"base", "layer" + std::to_string(i)}}),
                      0);
        top = std::make_unique<Client>("layer" + std::to_string(layers()), Access::write);
        bottom = std::make_unique<Client>("layer0", Access::read);
    }

    static int layers() { return std::get<0>(GetParam()); }
    static uint64_t shift() { return uint64_t(layers()) * Shifted::by; }

    /// Writes without copying the blocks first.
    IoResult write_in_place(ProtectedBlocks& blocks) {
        iovec iov{blocks.bytes.data(), blocks.bytes.size()};
        bdk_bdev_io_opts opts{};
        opts.size = sizeof(opts);
        opts.md_buf = blocks.md.empty() ? nullptr : blocks.md.data();
        return top->run([&](auto* desc, auto* ch, auto cb, void* arg) {
            return bdk_bdev_writev_blocks(desc, ch, &iov, 1, blocks.offset, blocks.count, &opts, cb, arg);
        });
    }

    TestHost host;
    std::unique_ptr<Client> top, bottom;
};

INSTANTIATE_TEST_SUITE_P(Layers, RefTags,
                         testing::Combine(testing::Values(1, 12), testing::Bool() /* interleaved */));

TEST_P(RefTags, FitTheBlockAtEachLayer) {
    const std::vector<std::byte> data = pattern(4 * 512);
    ProtectedBlocks blocks(top->bdev(), 7, data);
    const ProtectedBlocks before = blocks;
    ASSERT_TRUE(write_in_place(blocks).ok());
    EXPECT_EQ(blocks.bytes, before.bytes) << "the client's buffers are as they were";
    EXPECT_EQ(blocks.md, before.md);
    EXPECT_EQ(read_blocks(*bottom, 7 + shift(), 4).data(), data);
    EXPECT_EQ(read_blocks(*top, 7, 4).data(), data);
    EXPECT_EQ(read_blocks(*top, 20, 4).data(), std::vector<std::byte>(4 * 512)) << "unwritten";
}

TEST_P(RefTags, WrongOnesAreFoundBeforeTheBaseSeesThem) {
    ProtectedBlocks blocks(top->bdev(), 7, pattern(4 * 512));
    blocks.inject(3, BDK_DIF_INJECT_REFTAG);
    const ProtectedBlocks before = blocks;
    const IoResult result = write_in_place(blocks);
    EXPECT_EQ(result.nvme_sct, 2u);
    EXPECT_EQ(result.nvme_sc, ref_tag_error);
    EXPECT_EQ(blocks.bytes, before.bytes);
    EXPECT_EQ(blocks.md, before.md);
}

TEST_P(RefTags, WrongOnesThatAreStoredAreFound) {
    ProtectedBlocks blocks(top->bdev(), 7, pattern(4 * 512));
    ASSERT_TRUE(write_blocks(*top, blocks, BDK_DIF_CHECK_REFTAG).ok()) << "goes down unchanged";
    const IoResult result = read_blocks(*top, blocks);
    EXPECT_EQ(result.nvme_sct, 2u);
    EXPECT_EQ(result.nvme_sc, ref_tag_error);
}

TEST_P(RefTags, ComparesFit) {
    ProtectedBlocks blocks(top->bdev(), 7, pattern(4 * 512));
    ASSERT_TRUE(write_in_place(blocks).ok());
    iovec iov{blocks.bytes.data(), blocks.bytes.size()};
    bdk_bdev_io_opts opts{};
    opts.size = sizeof(opts);
    opts.md_buf = blocks.md.empty() ? nullptr : blocks.md.data();
    EXPECT_TRUE(top->run([&](auto* desc, auto* ch, auto cb, void* arg) {
                       return bdk_bdev_comparev_blocks(desc, ch, &iov, 1, 7, 4, &opts, cb, arg);
                   })
                    .ok());
}

TEST_P(RefTags, ClientsWithoutMetadataSeeNothingOfIt) {
    Client plain("layer" + std::to_string(layers()), Access::write, nullptr, Metadata::hidden);
    ASSERT_TRUE(plain.write(3, pattern(600 * 512)).ok());
    EXPECT_EQ(plain.read(3, 600), pattern(600 * 512));
    EXPECT_EQ(read_blocks(*bottom, 3 + shift(), 600).data(), pattern(600 * 512));
}

}  // namespace
}  // namespace bdk::test
