// SPDX-License-Identifier: BSD-3-Clause
#include "log/log_limit.hpp"

#include <gtest/gtest.h>

namespace bdk {
namespace {

constexpr char file[] = "/src/raid/raid.cpp";
constexpr LogLimit::Place here{file, 7, file};
constexpr LogLimit::Place there{file, 8, file};

/// How many of `count` messages are let through.
uint32_t admitted(LogLimit& limit, const LogLimit::Place& place, uint32_t count, uint64_t now) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; ++i)
        sum += limit.admit(place, now);
    return sum;
}

TEST(LogLimitTest, EachPlaceWritesSoManyInASecond) {
    LogLimit limit;
    EXPECT_EQ(admitted(limit, here, LogLimit::per_second, 1), LogLimit::per_second);
    EXPECT_EQ(admitted(limit, here, 40, 1), 0u);
    EXPECT_EQ(admitted(limit, there, 40, 1), 40u) << "another line is another place";
    EXPECT_EQ(admitted(limit, here, 40, 2), 40u) << "another second";
}

TEST(LogLimitTest, WhatIsHeldBackIsToldOnceTheSecondIsOver) {
    LogLimit limit;
    admitted(limit, here, LogLimit::per_second + 40, 1);
    EXPECT_TRUE(limit.take_held(1).empty()) << "there may be more";
    const std::vector<std::string> told = limit.take_held(2);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0],
              "40 more messages of raid.cpp:7 were held back: a place writes at most 100 in a second");
    EXPECT_TRUE(limit.take_held(3).empty());
}

TEST(LogLimitTest, PlacesBeyondWhatItKnowsAreNotLimited) {
    LogLimit limit;
    uint32_t sum = 0;
    for (int32_t line = 1; line <= 1000; ++line)
        sum += admitted(limit, {file, line, file}, 2, 1);
    EXPECT_EQ(sum, 2000u);
    EXPECT_EQ(limit.held(), 0u);
}

}  // namespace
}  // namespace bdk
