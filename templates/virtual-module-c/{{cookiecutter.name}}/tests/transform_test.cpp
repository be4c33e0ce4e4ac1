// SPDX-License-Identifier: {{cookiecutter.license}}
#include "transform.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

std::vector<unsigned char> some_data() {
    std::vector<unsigned char> data(8192);
    unsigned char value = 0;
    for (unsigned char& b : data)
        b = value = (unsigned char)(value + 7);
    return data;
}

TEST(Transform, DecodeUndoesEncode) {
    std::vector<unsigned char> data = some_data();
    transform_encode(data.data(), data.size(), 4096);
    transform_decode(data.data(), data.size(), 4096);
    EXPECT_EQ(data, some_data());
}

TEST(Transform, PiecesGiveTheSameAsTheWhole) {
    std::vector<unsigned char> whole = some_data();
    std::vector<unsigned char> pieces = some_data();
    transform_encode(whole.data(), whole.size(), 512);
    transform_encode(pieces.data(), 1000, 512);
    transform_encode(pieces.data() + 1000, pieces.size() - 1000, 512 + 1000);
    EXPECT_EQ(whole, pieces);
}

}  // namespace
