// SPDX-License-Identifier: BSD-3-Clause
#include "thread/idle_time.hpp"

#include <gtest/gtest.h>

namespace bdk {
namespace {

TEST(IdleTimeTest, IsTheTimeOfTheTurnsSinceTheLastWork) {
    IdleTime idle(100);
    idle.idle_turn(1000);
    idle.idle_turn(1010);
    idle.idle_turn(1030);
    EXPECT_EQ(idle.ticks(), 30u);
    idle.found_work();
    EXPECT_FALSE(idle.is_running());
    idle.idle_turn(2000);
    EXPECT_TRUE(idle.is_running());
    EXPECT_EQ(idle.ticks(), 0u);
}

TEST(IdleTimeTest, ATurnThatTookLongIsOneLook) {
    IdleTime idle(100);
    idle.idle_turn(1000);
    idle.idle_turn(1'000'000);
    EXPECT_EQ(idle.ticks(), 100u) << "the reactor was off its core, and did not look";
}

TEST(IdleTimeTest, ASleepCountsAsLongAsItWasMeantToBe) {
    IdleTime idle(100);
    idle.idle_turn(1000);
    idle.slept(1500, 1500);
    EXPECT_EQ(idle.ticks(), 500u);
    idle.slept(1'000'000, 2000);
    EXPECT_EQ(idle.ticks(), 1000u) << "it was to look again at 2000";
    idle.slept(1'000'100, UINT64_MAX);
    EXPECT_EQ(idle.ticks(), 1100u);
}

}  // namespace
}  // namespace bdk
