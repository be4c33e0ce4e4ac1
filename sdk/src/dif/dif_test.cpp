// SPDX-License-Identifier: BSD-3-Clause
// The DIF functions against vectors from the standards, and against a straightforward second implementation:
// one bit of CRC at a time, on blocks that lie in one piece.
#include <bdevkit/dif.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

namespace bdk::test {
namespace {

using Bytes = std::vector<std::byte>;

constexpr uint32_t all_checks = BDK_DIF_CHECK_GUARD | BDK_DIF_CHECK_APPTAG | BDK_DIF_CHECK_REFTAG;

bdk_dif_ctx context(uint32_t data_size, uint32_t md_size, uint32_t type, uint32_t flags,
                    uint32_t format = 0) {
    bdk_dif_ctx ctx{};
    ctx.size = sizeof(ctx);
    ctx.block_size = data_size + ((flags & BDK_DIF_MD_INTERLEAVED) != 0 ? md_size : 0);
    ctx.md_size = md_size;
    ctx.flags = flags;
    ctx.dif_type = type;
    ctx.pi_format = format;
    ctx.check_flags = all_checks;
    ctx.app_tag = 0x1234;
    ctx.app_tag_mask = 0xFFFF;
    ctx.ref_tag = 0xFFFFFFFE;  // wraps, where it has 32 bits
    return ctx;
}

bdk_dif_error no_error() {
    bdk_dif_error error{};
    error.size = sizeof(error);
    return error;
}

std::vector<int> octets(const Bytes& bytes, size_t from, size_t count) {
    std::vector<int> result;
    for (size_t i = from; i < from + count; i++)
        result.push_back(std::to_integer<int>(bytes[i]));
    return result;
}

/* ---- the second implementation ---- */

uint64_t plain_crc16(const std::byte* bytes, size_t length) {
    uint32_t crc = 0;
    for (size_t i = 0; i < length; i++) {
        crc ^= std::to_integer<uint32_t>(bytes[i]) << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x8BB7 : crc << 1;
    }
    return crc & 0xFFFF;
}

uint64_t plain_crc32c(const std::byte* bytes, size_t length) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < length; i++) {
        crc ^= std::to_integer<uint32_t>(bytes[i]);
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
    }
    return static_cast<uint32_t>(~crc);
}

void put_big_endian(std::byte* at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        at[i] = i + 8 < bytes ? std::byte{0} : std::byte(value >> (8 * (bytes - 1 - i)));
}

/// Sets the PI of one block whose data are followed by its metadata.
void plain_generate(const bdk_dif_ctx& ctx, std::byte* block, uint32_t data_size, uint64_t number) {
    const bool short_pi = ctx.pi_format == BDK_DIF_PI_FORMAT_16;
    const bool head = (ctx.flags & BDK_DIF_HEAD_OF_MD) != 0;
    const uint32_t covered = data_size + (head ? 0 : ctx.md_size - (short_pi ? 8 : 16));
    const uint64_t ref_tag = ctx.ref_tag + (ctx.dif_type == 3 ? 0 : number);
    std::byte* pi = block + covered;
    put_big_endian(pi, short_pi ? plain_crc16(block, covered) : plain_crc32c(block, covered),
                   short_pi ? 2 : 4);
    put_big_endian(pi + (short_pi ? 2 : 4), ctx.app_tag, 2);
    put_big_endian(pi + (short_pi ? 4 : 6), short_pi ? ref_tag & UINT32_MAX : ref_tag, short_pi ? 4 : 10);
}

/* ---- vectors ---- */

TEST(Dif, GuardIsTheCrcOfT10) {
    Bytes block(9 + 8);
    std::memcpy(block.data(), "123456789", 9);
    const bdk_dif_ctx ctx = context(9, 8, 1, BDK_DIF_MD_INTERLEAVED);
    const iovec iov{block.data(), block.size()};
    ASSERT_EQ(bdk_dif_generate(&ctx, &iov, 1, nullptr, 1), 0);
    EXPECT_EQ(octets(block, 9, 8), (std::vector<int>{0xD0, 0xDB, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFE}));
}

TEST(Dif, LongerGuardIsCrc32c) {
    Bytes block(9 + 16);
    std::memcpy(block.data(), "123456789", 9);
    const bdk_dif_ctx ctx = context(9, 16, 1, BDK_DIF_MD_INTERLEAVED, BDK_DIF_PI_FORMAT_32);
    const iovec iov{block.data(), block.size()};
    ASSERT_EQ(bdk_dif_generate(&ctx, &iov, 1, nullptr, 1), 0);
    EXPECT_EQ(octets(block, 9, 16), (std::vector<int>{0xE3, 0x06, 0x92, 0x83, 0x12, 0x34, 0, 0, 0, 0, 0, 0,
                                                      0xFF, 0xFF, 0xFF, 0xFE}));
}

TEST(Dif, GuardAtTheTailCoversTheMetadataBefore) {
    Bytes md(16);
    Bytes data(7);
    std::memcpy(data.data(), "1234567", 7);
    bdk_dif_ctx ctx = context(7, 16, 3, 0);
    const iovec iov{data.data(), data.size()};
    std::memcpy(md.data(), "89\0\0\0\0\0\0", 8);
    const Bytes covered = [&] {
        Bytes both = data;
        both.insert(both.end(), md.begin(), md.begin() + 8);
        return both;
    }();
    ASSERT_EQ(bdk_dif_generate(&ctx, &iov, 1, md.data(), 1), 0);
    const auto guard = static_cast<int>(plain_crc16(covered.data(), covered.size()));
    EXPECT_EQ(octets(md, 8, 2), (std::vector<int>{guard >> 8, guard & 0xFF}));

    ctx.flags = BDK_DIF_HEAD_OF_MD;
    ASSERT_EQ(bdk_dif_generate(&ctx, &iov, 1, md.data(), 1), 0);
    const auto without = static_cast<int>(plain_crc16(data.data(), data.size()));
    EXPECT_EQ(octets(md, 0, 2), (std::vector<int>{without >> 8, without & 0xFF}));
}

TEST(Dif, GuardGoesOnFromASeed) {
    Bytes whole(9 + 8), rest(5 + 8);
    std::memcpy(whole.data(), "123456789", 9);
    std::memcpy(rest.data(), "56789", 5);
    bdk_dif_ctx ctx = context(5, 8, 1, BDK_DIF_MD_INTERLEAVED);
    ctx.guard_seed = plain_crc16(whole.data(), 4);
    const iovec iov{rest.data(), rest.size()};
    ASSERT_EQ(bdk_dif_generate(&ctx, &iov, 1, nullptr, 1), 0);
    EXPECT_EQ(octets(rest, 5, 2), (std::vector<int>{0xD0, 0xDB}));
}

/* ---- errors that are found, and places that are not checked ---- */

/// Blocks of one layout in one piece, with PI.
class Blocks {
public:
    static constexpr uint32_t data_size = 512;
    static constexpr uint64_t count = 4;

    explicit Blocks(uint32_t type, uint32_t format = 0, uint32_t flags = BDK_DIF_MD_INTERLEAVED)
        : ctx(context(data_size, 16, type, flags, format)), bytes(count * ctx.block_size), md(count * 16) {
        for (size_t i = 0; i < bytes.size(); i++)
            bytes[i] = std::byte(i * 7);
        iov = {bytes.data(), bytes.size()};
        EXPECT_EQ(bdk_dif_generate(&ctx, &iov, 1, md.data(), count), 0);
    }

    /// The result of a verify: the check and the block, or {0, 0}.
    std::pair<uint32_t, uint64_t> find() {
        error = no_error();
        const int rc = bdk_dif_verify(&ctx, &iov, 1, md.data(), count, &error);
        EXPECT_EQ(rc, error.check == 0 ? 0 : -EILSEQ);
        return {error.check, error.block};
    }

    void inject(uint64_t block, uint32_t what) {
        EXPECT_EQ(bdk_dif_inject_error(&ctx, &iov, 1, md.data(), count, block, what), 0);
    }

    bdk_dif_ctx ctx;
    Bytes bytes, md;
    iovec iov{};
    bdk_dif_error error{};
};

using Found = std::pair<uint32_t, uint64_t>;
constexpr Found nothing{0, 0};

TEST(Dif, FindsEachKindOfError) {
    for (const uint32_t flags : {0u, uint32_t{BDK_DIF_MD_INTERLEAVED}, uint32_t{BDK_DIF_HEAD_OF_MD}})
        for (const uint32_t format : {BDK_DIF_PI_FORMAT_16, BDK_DIF_PI_FORMAT_32}) {
            for (const auto& [what, check] :
                 {std::pair<uint32_t, uint32_t>{BDK_DIF_INJECT_GUARD, BDK_DIF_CHECK_GUARD},
                  {BDK_DIF_INJECT_APPTAG, BDK_DIF_CHECK_APPTAG},
                  {BDK_DIF_INJECT_REFTAG, BDK_DIF_CHECK_REFTAG},
                  {BDK_DIF_INJECT_DATA, BDK_DIF_CHECK_GUARD}}) {
                Blocks blocks(1, format, flags);
                EXPECT_EQ(blocks.find(), nothing);
                blocks.inject(2, what);
                EXPECT_EQ(blocks.find(), Found(check, 2));
                blocks.ctx.check_flags &= ~check;
                EXPECT_EQ(blocks.find(), nothing) << "what is not checked is not found";
            }
        }
}

TEST(Dif, SaysWhatWasExpectedAndWhatWasThere) {
    Blocks blocks(2);
    blocks.inject(3, BDK_DIF_INJECT_REFTAG);
    blocks.find();
    EXPECT_EQ(blocks.error.expected, 1u) << "0xFFFFFFFE + 3, in 32 bits";
    EXPECT_EQ(blocks.error.actual, 0u);
    blocks.inject(1, BDK_DIF_INJECT_APPTAG);
    EXPECT_EQ(blocks.find(), Found(BDK_DIF_CHECK_APPTAG, 1));
    EXPECT_EQ(blocks.error.expected, 0x1234u);
    EXPECT_EQ(blocks.error.actual, 0x1235u);
    blocks.ctx.app_tag_mask = 0xFFF0;
    EXPECT_EQ(blocks.find(), Found(BDK_DIF_CHECK_REFTAG, 3)) << "bits outside of the mask do not count";
}

TEST(Dif, ShortErrorStructIsFilledAsFarAsItGoes) {
    Blocks blocks(1);
    blocks.inject(1, BDK_DIF_INJECT_GUARD);
    bdk_dif_error error = no_error();
    error.size = offsetof(bdk_dif_error, expected);
    error.expected = 77;
    EXPECT_EQ(bdk_dif_verify(&blocks.ctx, &blocks.iov, 1, nullptr, Blocks::count, &error), -EILSEQ);
    EXPECT_EQ(error.block, 1u);
    EXPECT_EQ(error.expected, 77u);
    EXPECT_EQ(bdk_dif_verify(&blocks.ctx, &blocks.iov, 1, nullptr, Blocks::count, nullptr), -EILSEQ);
}

TEST(Dif, TypeThreeLeavesTheReferenceTagAlone) {
    Blocks blocks(3);
    blocks.inject(0, BDK_DIF_INJECT_REFTAG);
    EXPECT_EQ(blocks.find(), nothing);
    blocks.inject(0, BDK_DIF_INJECT_APPTAG);
    EXPECT_EQ(blocks.find(), Found(BDK_DIF_CHECK_APPTAG, 0));
}

TEST(Dif, EscapedBlocksAreNotChecked) {
    for (const uint32_t format : {BDK_DIF_PI_FORMAT_16, BDK_DIF_PI_FORMAT_32})
        for (const uint32_t type : {1u, 2u, 3u}) {
            Blocks blocks(type, format);
            bdk_dif_ctx escape = blocks.ctx;
            escape.app_tag = 0xFFFF;
            ASSERT_EQ(bdk_dif_generate(&escape, &blocks.iov, 1, nullptr, Blocks::count), 0);
            blocks.inject(1, BDK_DIF_INJECT_DATA | BDK_DIF_INJECT_GUARD);
            if (type != 3) {
                EXPECT_EQ(blocks.find(), nothing);
                continue;
            }
            EXPECT_NE(blocks.find(), nothing) << "type 3 asks for a ref tag of all ones as well";
            escape.ref_tag = UINT64_MAX;
            if (format == BDK_DIF_PI_FORMAT_16) escape.ref_tag = UINT32_MAX;
            ASSERT_EQ(bdk_dif_generate(&escape, &blocks.iov, 1, nullptr, Blocks::count), 0);
            blocks.inject(1, BDK_DIF_INJECT_DATA | BDK_DIF_INJECT_GUARD);
            EXPECT_EQ(blocks.find(), nothing);
        }
}

TEST(Dif, RemapsReferenceTags) {
    Blocks blocks(1);
    ASSERT_EQ(bdk_dif_remap_ref_tag(&blocks.ctx, &blocks.iov, 1, nullptr, Blocks::count, 1000, nullptr), 0);
    EXPECT_EQ(blocks.find(), Found(BDK_DIF_CHECK_REFTAG, 0));
    EXPECT_EQ(blocks.error.actual, 1000u);
    blocks.ctx.ref_tag = 1000;
    EXPECT_EQ(blocks.find(), nothing);

    blocks.inject(2, BDK_DIF_INJECT_REFTAG);
    bdk_dif_error error = no_error();
    EXPECT_EQ(bdk_dif_remap_ref_tag(&blocks.ctx, &blocks.iov, 1, nullptr, Blocks::count, 0, &error), -EILSEQ);
    EXPECT_EQ(error.block, 2u) << "a tag that was wrong before is not made right";
    EXPECT_EQ(blocks.find(), Found(BDK_DIF_CHECK_REFTAG, 2)) << "and the others stay";
}

TEST(Dif, RefusesWhatItDoesNotKnow) {
    Blocks blocks(1);
    const auto generate = [&](const bdk_dif_ctx& ctx) {
        return bdk_dif_generate(&ctx, &blocks.iov, 1, nullptr, Blocks::count);
    };
    EXPECT_EQ(generate(blocks.ctx), 0);
    bdk_dif_ctx ctx = blocks.ctx;
    ctx.flags |= 1u << 2;
    EXPECT_EQ(generate(ctx), -EINVAL);
    ctx = blocks.ctx;
    ctx.check_flags |= 1u << 3;
    EXPECT_EQ(generate(ctx), -EINVAL);
    struct {
        bdk_dif_ctx known;
        uint64_t more;
    } newer{blocks.ctx, 0};
    newer.known.size = sizeof(newer);
    EXPECT_EQ(generate(newer.known), 0);
    newer.more = 1;
    EXPECT_EQ(generate(newer.known), -E2BIG);
    EXPECT_EQ(bdk_dif_inject_error(&blocks.ctx, &blocks.iov, 1, nullptr, Blocks::count, 0, 1u << 4), -EINVAL);
}

TEST(Dif, RefusesWhatMakesNoSense) {
    Bytes block(4096 + 64);
    const iovec iov{block.data(), block.size()};
    const auto generate = [&](const bdk_dif_ctx& ctx, uint64_t count = 1, void* md = nullptr) {
        return bdk_dif_generate(&ctx, &iov, 1, md, count);
    };
    constexpr uint32_t interleaved = BDK_DIF_MD_INTERLEAVED;
    EXPECT_EQ(generate(context(512, 8, 1, interleaved)), 0);
    EXPECT_EQ(generate(context(512, 8, 4, interleaved)), -EINVAL);
    EXPECT_EQ(generate(context(512, 4, 1, interleaved)), -EINVAL) << "no room for PI";
    EXPECT_EQ(generate(context(512, 8, 1, interleaved, BDK_DIF_PI_FORMAT_32)), -EINVAL);
    EXPECT_EQ(generate(context(512, 16, 1, interleaved, BDK_DIF_PI_FORMAT_64)), -EINVAL);
    EXPECT_EQ(generate(context(0, 16, 1, interleaved)), -EINVAL) << "no data";
    EXPECT_EQ(generate(context(512, 8, 1, 0)), -EINVAL) << "no md_buf";
    EXPECT_EQ(generate(context(512, 8, 1, interleaved), 9), -EINVAL) << "iovecs too short";
    EXPECT_EQ(generate(context(512, 8, 1, interleaved), UINT64_MAX / 8), -EINVAL);
    EXPECT_EQ(generate(context(512, 8, 0, interleaved)), 0) << "no PI: nothing to do";
}

/* ---- random layouts ---- */

class RandomDif : public testing::Test {
protected:
    uint64_t below(uint64_t limit) { return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random_); }

    Bytes random_bytes(size_t length) {
        Bytes bytes(length);
        for (std::byte& byte : bytes)
            byte = std::byte(random_());
        return bytes;
    }

    /// A layout of `data_size` bytes of data per block.
    bdk_dif_ctx random_context(uint32_t data_size) {
        const uint32_t format = below(2) == 0 ? BDK_DIF_PI_FORMAT_16 : BDK_DIF_PI_FORMAT_32;
        const auto md_size = static_cast<uint32_t>((format == 0 ? 8 : 16) + 4 * below(8));
        bdk_dif_ctx ctx = context(data_size, md_size, static_cast<uint32_t>(1 + below(3)),
                                  static_cast<uint32_t>(below(4)), format);
        ctx.ref_tag = random_();
        if (format == 0) ctx.ref_tag = static_cast<uint32_t>(ctx.ref_tag);
        return ctx;
    }

    /// Iovecs over pieces of random lengths, none included, each with memory of its own.
    struct Scattered {
        std::vector<Bytes> pieces;
        std::vector<iovec> iovs;

        Bytes gather() const {
            Bytes all;
            for (const Bytes& piece : pieces)
                all.insert(all.end(), piece.begin(), piece.end());
            return all;
        }
        int32_t count() const { return static_cast<int32_t>(iovs.size()); }
    };
    Scattered scatter(const Bytes& bytes) {
        Scattered result;
        for (size_t at = 0; at < bytes.size();) {
            const size_t length = std::min<size_t>(below(below(4) == 0 ? 20 : 1500), bytes.size() - at);
            result.pieces.emplace_back(bytes.begin() + ptrdiff_t(at), bytes.begin() + ptrdiff_t(at + length));
            at += length;
        }
        for (Bytes& piece : result.pieces)
            result.iovs.push_back({piece.data(), piece.size()});
        return result;
    }

    std::mt19937_64 random_{20240517};
};

/// Blocks as [data][metadata] each, in one piece, taken apart as `ctx` has them.
struct Plain {
    Bytes all;  ///< count * (data_size + md_size)
    uint32_t data_size;
    uint32_t md_size;

    Bytes part(bool data, bool md) const {
        Bytes result;
        for (size_t at = 0; at < all.size(); at += data_size + md_size) {
            const auto block = all.begin() + ptrdiff_t(at);
            if (data) result.insert(result.end(), block, block + data_size);
            if (md) result.insert(result.end(), block + data_size, block + data_size + md_size);
        }
        return result;
    }
};

TEST_F(RandomDif, GenerateAndVerifyAgreeWithThePlainOnes) {
    for (int round = 0; round < 600; round++) {
        const auto data_size = static_cast<uint32_t>(1 + below(1200));
        const bdk_dif_ctx ctx = random_context(data_size);
        const bool interleaved = (ctx.flags & BDK_DIF_MD_INTERLEAVED) != 0;
        const uint64_t count = 1 + below(6);
        Plain plain{random_bytes(count * (data_size + ctx.md_size)), data_size, ctx.md_size};
        Scattered given = scatter(plain.part(true, interleaved));
        Bytes md = plain.part(false, true);
        for (uint64_t block = 0; block < count; block++)
            plain_generate(ctx, &plain.all[block * (data_size + ctx.md_size)], data_size, block);

        ASSERT_EQ(bdk_dif_generate(&ctx, given.iovs.data(), given.count(), md.data(), count), 0);
        ASSERT_EQ(given.gather(), plain.part(true, interleaved));
        if (!interleaved) {
            ASSERT_EQ(md, plain.part(false, true));
        }
        ASSERT_EQ(bdk_dif_verify(&ctx, given.iovs.data(), given.count(), md.data(), count, nullptr), 0);

        const uint64_t damaged = below(count);
        ASSERT_EQ(bdk_dif_inject_error(&ctx, given.iovs.data(), given.count(), md.data(), count, damaged,
                                       BDK_DIF_INJECT_DATA),
                  0);
        bdk_dif_error error = no_error();
        ASSERT_EQ(bdk_dif_verify(&ctx, given.iovs.data(), given.count(), md.data(), count, &error), -EILSEQ);
        ASSERT_EQ(error.check, BDK_DIF_CHECK_GUARD);
        ASSERT_EQ(error.block, damaged);
    }
}

TEST_F(RandomDif, InsertAndStripAgreeWithThePlainOnes) {
    for (int round = 0; round < 600; round++) {
        const auto data_size = static_cast<uint32_t>(1 + below(1200));
        const bdk_dif_ctx ctx = random_context(data_size);
        const bool interleaved = (ctx.flags & BDK_DIF_MD_INTERLEAVED) != 0;
        const uint64_t count = 1 + below(6);
        Plain plain{random_bytes(count * (data_size + ctx.md_size)), data_size, ctx.md_size};
        for (uint64_t block = 0; block < count; block++) {
            std::byte* start = &plain.all[block * (data_size + ctx.md_size)];
            std::memset(start + data_size, 0, ctx.md_size);
            plain_generate(ctx, start, data_size, block);
        }
        const Scattered data = scatter(plain.part(true, false));
        const Scattered blocks = scatter(random_bytes(count * ctx.block_size));
        Bytes md = random_bytes(count * ctx.md_size);
        ASSERT_EQ(bdk_dif_generate_copy(&ctx, data.iovs.data(), data.count(), blocks.iovs.data(),
                                        blocks.count(), md.data(), count),
                  0);
        ASSERT_EQ(blocks.gather(), plain.part(true, interleaved));
        if (!interleaved) {
            ASSERT_EQ(md, plain.part(false, true));
        }
        ASSERT_EQ(data.gather(), plain.part(true, false)) << "the source stays as it was";

        const Scattered back = scatter(random_bytes(count * data_size));
        ASSERT_EQ(bdk_dif_verify_copy(&ctx, back.iovs.data(), back.count(), blocks.iovs.data(),
                                      blocks.count(), md.data(), count, nullptr),
                  0);
        ASSERT_EQ(back.gather(), plain.part(true, false));
    }
}

TEST_F(RandomDif, StripReportsTheFirstErrorAndCopiesEverything) {
    const bdk_dif_ctx ctx = context(512, 8, 1, BDK_DIF_MD_INTERLEAVED);
    const Scattered data = scatter(random_bytes(8 * 512));
    const Scattered blocks = scatter(Bytes(8 * 520));
    ASSERT_EQ(bdk_dif_generate_copy(&ctx, data.iovs.data(), data.count(), blocks.iovs.data(), blocks.count(),
                                    nullptr, 8),
              0);
    for (const auto& [block, what] :
         {std::pair<uint64_t, uint32_t>{6, BDK_DIF_INJECT_GUARD}, {3, BDK_DIF_INJECT_REFTAG}})
        ASSERT_EQ(bdk_dif_inject_error(&ctx, blocks.iovs.data(), blocks.count(), nullptr, 8, block, what), 0);
    const Scattered back = scatter(Bytes(8 * 512));
    bdk_dif_error error = no_error();
    EXPECT_EQ(bdk_dif_verify_copy(&ctx, back.iovs.data(), back.count(), blocks.iovs.data(), blocks.count(),
                                  nullptr, 8, &error),
              -EILSEQ);
    EXPECT_EQ(error.check, BDK_DIF_CHECK_REFTAG);
    EXPECT_EQ(error.block, 3u);
    EXPECT_EQ(back.gather(), data.gather());
}

TEST(Dif, CopiesWithoutPiOnlyAddAndDropMetadata) {
    const bdk_dif_ctx ctx = context(4, 2, 0, BDK_DIF_MD_INTERLEAVED);
    Bytes data(8), blocks(12, std::byte{0xEE}), back(8);
    std::memcpy(data.data(), "abcdefgh", 8);
    const iovec data_iov{data.data(), 8}, iov{blocks.data(), 12}, back_iov{back.data(), 8};
    ASSERT_EQ(bdk_dif_generate_copy(&ctx, &data_iov, 1, &iov, 1, nullptr, 2), 0);
    EXPECT_EQ(std::memcmp(blocks.data(), "abcd\0\0efgh\0", 12), 0);
    ASSERT_EQ(bdk_dif_verify_copy(&ctx, &back_iov, 1, &iov, 1, nullptr, 2, nullptr), 0);
    EXPECT_EQ(back, data);
    EXPECT_EQ(bdk_dif_generate_copy(&ctx, &data_iov, 1, &iov, 1, nullptr, 3), -EINVAL);
}

}  // namespace
}  // namespace bdk::test
