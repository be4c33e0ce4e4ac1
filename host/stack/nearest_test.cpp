// SPDX-License-Identifier: BSD-3-Clause
#include "stack/nearest.hpp"

#include <gtest/gtest.h>

namespace bdevkit::host {
namespace {

TEST(NearestTest, distance_counts_edits_and_swaps) {
    EXPECT_EQ(edit_distance("", ""), 0u);
    EXPECT_EQ(edit_distance("", "abc"), 3u);
    EXPECT_EQ(edit_distance("malloc", "malloc"), 0u);
    EXPECT_EQ(edit_distance("mallok", "malloc"), 1u);
    EXPECT_EQ(edit_distance("maloc", "malloc"), 1u);
    EXPECT_EQ(edit_distance("amlloc", "malloc"), 1u);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(NearestTest, offers_only_what_is_near) {
    const std::vector<std::string> modules = {"malloc", "null", "passthru", "readonly"};
    EXPECT_EQ(nearest("mallok", modules), "malloc");
    EXPECT_EQ(nearest("pasthur", modules), "passthru");
    EXPECT_EQ(nearest("nul", modules), "null");
    EXPECT_EQ(nearest("nvme", modules), "");
    EXPECT_EQ(nearest("", modules), "");
}

TEST(NearestTest, lists_what_there_is_when_nothing_is_near) {
    EXPECT_EQ(suggestion("mallok", {"malloc", "null"}), "; did you mean 'malloc'?");
    EXPECT_EQ(suggestion("zfs", {"malloc", "null"}), "; expected one of: malloc, null");
    EXPECT_EQ(suggestion("zfs", {}), "");
    EXPECT_EQ(suggestion("zfs", std::vector<std::string>(100, "a-long-name")), "");
}

}  // namespace
}  // namespace bdevkit::host
