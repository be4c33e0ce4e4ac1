// SPDX-License-Identifier: BSD-3-Clause
#include "base/element.hpp"

#include <gmock/gmock.h>

namespace bdk {
namespace {

TEST(Element, GoesFromOneSizeToAnother) {
    uint64_t longer[4] = {9, 9, 9, 9};
    const uint64_t given[2] = {1, 2};
    copy_element(longer, sizeof(longer), given, sizeof(given));
    EXPECT_THAT(longer, testing::ElementsAre(1, 2, 0, 0));
    uint64_t shorter[2] = {9, 9};
    copy_element(shorter, 8, longer, sizeof(longer));
    EXPECT_THAT(shorter, testing::ElementsAre(1, 9));
    EXPECT_EQ(element_at(longer, 1, 16), longer + 2);
    EXPECT_TRUE(is_element_size(24, 16));
    for (const uint32_t wrong : {0u, 8u, 20u, 8192u})
        EXPECT_FALSE(is_element_size(wrong, 16)) << wrong;
}

}  // namespace
}  // namespace bdk
