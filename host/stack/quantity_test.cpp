// SPDX-License-Identifier: BSD-3-Clause
#include "stack/quantity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bdevkit::host {
namespace {

using ::testing::HasSubstr;

TEST(QuantityTest, numbers_are_decimal_or_hexadecimal) {
    EXPECT_EQ(*parse_number("0"), 0u);
    EXPECT_EQ(*parse_number("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(*parse_number("0xFf"), 255u);
    for (const char* bad : {"", "-1", "+1", " 1", "1 ", "1.5", "0x", "x", "1e3"}) {
        EXPECT_FALSE(parse_number(bad)) << bad;
    }
    EXPECT_EQ(parse_number("18446744073709551616").error(), "a number below 2^64");
}

TEST(QuantityTest, every_unit_of_size_is_a_power_of_1024) {
    EXPECT_EQ(*parse_size("512"), 512u);
    EXPECT_EQ(*parse_size("512B"), 512u);
    for (const char* kib4 : {"4k", "4K", "4kb", "4KB", "4KiB", "4kib", "4 KiB", "4096"}) {
        ASSERT_TRUE(parse_size(kib4)) << kib4;
        EXPECT_EQ(*parse_size(kib4), 4096u) << kib4;
    }
    EXPECT_EQ(*parse_size("64MiB"), 64ull << 20);
    EXPECT_EQ(*parse_size("3G"), 3ull << 30);
    EXPECT_EQ(*parse_size("2T"), 2ull << 40);
    EXPECT_EQ(*parse_size("1PiB"), 1ull << 50);
    EXPECT_EQ(*parse_size("15EiB"), 15ull << 60);
}

TEST(QuantityTest, sizes_are_exact) {
    EXPECT_EQ(*parse_size("1.5G"), 3ull << 29);
    EXPECT_EQ(*parse_size("0.5k"), 512u);
    EXPECT_EQ(parse_size("0.3k").error(), "a whole number of bytes");
    EXPECT_EQ(parse_size("16EiB").error(), "less than 2^64 bytes");
    for (const char* bad : {"", "k", "-4k", "4kk", "4 k b", "4KiBs", "1.", ".5k", "1.2.3k", "64Mib it"}) {
        ASSERT_FALSE(parse_size(bad)) << bad;
        EXPECT_THAT(parse_size(bad).error(), HasSubstr("64MiB")) << bad;
    }
    EXPECT_FALSE(parse_size("999999999999999999999"));
}

TEST(QuantityTest, durations_need_a_unit) {
    EXPECT_EQ(*parse_duration("7ns"), 7u);
    EXPECT_EQ(*parse_duration("10us"), 10'000u);
    EXPECT_EQ(*parse_duration("10µs"), 10'000u);
    EXPECT_EQ(*parse_duration("1.5s"), 1'500'000'000u);
    EXPECT_EQ(*parse_duration("2m"), 120'000'000'000u);
    EXPECT_EQ(*parse_duration("2min"), 120'000'000'000u);
    EXPECT_EQ(*parse_duration("1h"), 3'600'000'000'000u);
    EXPECT_EQ(*parse_duration("1d"), 86'400'000'000'000u);
    EXPECT_EQ(*parse_duration("0"), 0u);
    EXPECT_THAT(parse_duration("10").error(), HasSubstr("with its unit"));
    EXPECT_EQ(parse_duration("0.5ns").error(), "a whole number of nanoseconds");
    EXPECT_FALSE(parse_duration("300000d"));
}

TEST(QuantityTest, what_is_formatted_reads_back) {
    EXPECT_EQ(format_size(0), "0");
    EXPECT_EQ(format_size(512), "512");
    EXPECT_EQ(format_size(64ull << 20), "64MiB");
    EXPECT_EQ(format_size((3ull << 29)), "1536MiB");
    EXPECT_EQ(format_duration(0), "0");
    EXPECT_EQ(format_duration(10'000), "10us");
    EXPECT_EQ(format_duration(90'000'000'000), "90s");
    for (const uint64_t value : {1ull, 1000ull, 1024ull, 123'456'789ull, 1ull << 62}) {
        EXPECT_EQ(*parse_size(format_size(value)), value);
        EXPECT_EQ(*parse_duration(format_duration(value)), value);
    }
}

}  // namespace
}  // namespace bdevkit::host
