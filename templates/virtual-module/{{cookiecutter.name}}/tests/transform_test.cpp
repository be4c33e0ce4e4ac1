// SPDX-License-Identifier: {{cookiecutter.license}}
#include "transform.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace {

std::vector<std::byte> some_data() {
    std::vector<std::byte> data(8192);
    uint8_t value = 0;
    for (std::byte& b : data)
        b = std::byte(value += 7);
    return data;
}

TEST(Transform, DecodeUndoesEncode) {
    const Transform transform;
    std::vector<std::byte> data = some_data();
    transform.encode(data, 4096);
    transform.decode(data, 4096);
    EXPECT_EQ(data, some_data());
}

TEST(Transform, PiecesGiveTheSameAsTheWhole) {
    const Transform transform;
    std::vector<std::byte> whole = some_data();
    std::vector<std::byte> pieces = some_data();
    transform.encode(whole, 512);
    const std::span<std::byte> view(pieces);
    transform.encode(view.first(1024), 512);
    transform.encode(view.subspan(1024), 512 + 1024);
    EXPECT_EQ(whole, pieces);
}

}  // namespace
