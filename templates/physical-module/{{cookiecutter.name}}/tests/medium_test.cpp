// SPDX-License-Identifier: {{cookiecutter.license}}
#include "medium.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Medium, IsZeroAtFirst) {
    const Medium medium(4096);
    for (uint64_t offset = 0; offset < 4096; offset++)
        ASSERT_EQ(*medium.at(offset), std::byte(0));
}

TEST(Medium, ZeroesWhatItIsAskedTo) {
    Medium medium(4096);
    std::memset(medium.at(0), 7, 4096);
    medium.zero(512, 1024);
    EXPECT_EQ(*medium.at(511), std::byte(7));
    EXPECT_EQ(*medium.at(512), std::byte(0));
    EXPECT_EQ(*medium.at(1535), std::byte(0));
    EXPECT_EQ(*medium.at(1536), std::byte(7));
}

}  // namespace
