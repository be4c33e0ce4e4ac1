// SPDX-License-Identifier: BSD-3-Clause
#include "check/case_end.hpp"

#include <gtest/gtest.h>

namespace bdevkit::host {
namespace {

CaseEnd told(std::initializer_list<const char*> lines) {
    CaseEnd end;
    for (const char* line : lines)
        take_line(end, line);
    return end;
}

TEST(CaseEnd, TheLastMessageOfARuleCounts) {
    const CaseEnd end = told({R"({"kind":"begin","rule":"data.sizes","seen":"","expected":""})",
                              R"({"kind":"ok","rule":"data.sizes","seen":"","expected":""})",
                              R"({"kind":"end","rule":"","seen":"","expected":""})"});
    EXPECT_EQ(end.rules.at("data.sizes").kind, "ok");
    EXPECT_EQ(end.current, "data.sizes");
    EXPECT_TRUE(end.complete);
    EXPECT_FALSE(end.is_stuck);
}

TEST(CaseEnd, AFailureStays) {
    const CaseEnd end =
        told({R"({"kind":"fail","rule":"data.sizes","seen":"one","expected":"two"})",
              R"({"kind":"ok","rule":"data.sizes"})", R"({"kind":"stuck","rule":"data.sizes"})"});
    EXPECT_EQ(end.rules.at("data.sizes").kind, "fail");
    EXPECT_EQ(end.rules.at("data.sizes").seen, "one");
    EXPECT_TRUE(end.is_stuck);
}

TEST(CaseEnd, WhatAPluginWritesThereIsNoMessage) {
    const CaseEnd end =
        told({"", "hello", "5", "[1]", "null", R"({"kind":5,"rule":{}})",
              R"({"kind":["fail"],"rule":"data.sizes","seen":7})", R"({"kind":"fail","rule":"da)"});
    EXPECT_FALSE(end.complete);
    EXPECT_EQ(end.current, "");
    ASSERT_EQ(end.rules.size(), 1u);
    EXPECT_EQ(end.rules.at("data.sizes").kind, "");
    EXPECT_EQ(end.rules.at("data.sizes").seen, "");
}

}  // namespace
}  // namespace bdevkit::host
