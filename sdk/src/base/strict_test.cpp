// SPDX-License-Identifier: BSD-3-Clause
#include "base/strict.hpp"

#include <bdevkit/abi.h>
#include <gmock/gmock.h>

#include <cerrno>

namespace bdk {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A struct of this host, and what a caller of a newer ABI has in its place.
struct Known {
    uint32_t size, flags;
};
struct Newer {
    Known known;
    uint32_t more[2];
};

TEST(Strict, BytesBeyondTheKnownOnesMustBeZero) {
    Newer given{};
    EXPECT_EQ(wrong_size(&given, sizeof(Known), sizeof(Known), sizeof(Known)), 0);
    EXPECT_EQ(wrong_size(&given, sizeof(Newer), sizeof(Known), sizeof(Known)), 0);
    given.known.flags = 7;
    EXPECT_EQ(wrong_size(&given, sizeof(Newer), sizeof(Known), sizeof(Known)), 0);
    given.more[1] = uint32_t{1} << 31;
    EXPECT_EQ(wrong_size(&given, sizeof(Newer), sizeof(Known), sizeof(Known)), -E2BIG);
    EXPECT_EQ(wrong_size(&given, sizeof(Newer) - 1, sizeof(Known), sizeof(Known)), 0) << "not part of it";
}

TEST(Strict, AShortOrSenselessSizeIsRefusedWithoutALookBeyondIt) {
    uint32_t alone = 0;
    EXPECT_EQ(wrong_size(&alone, 0, sizeof(Known), sizeof(Known)), -EINVAL);
    EXPECT_EQ(wrong_size(&alone, 4, sizeof(Known), sizeof(Known)), -EINVAL);
    EXPECT_EQ(wrong_size(&alone, 0xfefefefe, sizeof(Known), sizeof(Known)), -E2BIG);
}

TEST(Strict, TextsNameFieldBitAndSize) {
    EXPECT_THAT(unknown_bits_text("a.flags", 1u << 7),
                AllOf(HasSubstr("a.flags has bit 7"), HasSubstr("0x80")));
    EXPECT_THAT(unknown_bits_text("a.reserved", uint64_t{1} << 63), HasSubstr("bit 63"));
    EXPECT_THAT(wrong_size_text("a_opts", 24, 8, -E2BIG),
                AllOf(HasSubstr("a_opts has 24 bytes"), HasSubstr("the 8")));
    EXPECT_THAT(wrong_size_text("a_opts", 3, 8, -EINVAL), HasSubstr("sizeof(struct a_opts)"));
}

TEST(Strict, ChecksReturnTheErrorToGive) {
    Newer given{};
    given.known.size = sizeof(Newer);
    EXPECT_EQ(check_size(&given.known, "known", sizeof(Known)), 0);
    given.more[0] = 1;
    EXPECT_EQ(check_size(&given.known, "known", sizeof(Known)), -E2BIG);
    given.known.size = 4;
    EXPECT_EQ(check_size(&given.known, "known", sizeof(Known)), -EINVAL);
    EXPECT_EQ(check_bits("known.flags", 3, 3), 0);
    EXPECT_EQ(check_bits("known.flags", 7, 3), -EINVAL);
}

}  // namespace
}  // namespace bdk
