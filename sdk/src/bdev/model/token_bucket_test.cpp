// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/token_bucket.hpp"

#include <gtest/gtest.h>

#include <random>

namespace bdk {
namespace {

constexpr uint64_t second = 1'000'000'000;  // ticks
constexpr uint64_t burst = second / 50;

/// The number of units that pass in five seconds when a caller comes every `period` ticks, or later by up to
/// `jitter`, and takes as many as it can, `piece` units at a time.
uint64_t passed_in_5s(uint64_t per_second, uint64_t piece, uint64_t period, uint64_t jitter) {
    std::mt19937_64 random(3);
    TokenBucket bucket;
    bucket.set_rate(static_cast<double>(per_second) / second, burst, 0);
    uint64_t passed = 0;
    for (uint64_t now = 0; now < 5 * second; now += period + (jitter == 0 ? 0 : random() % jitter)) {
        bucket.refill(now);
        while (bucket.level() >= 0) {
            bucket.take(piece);
            passed += piece;
        }
    }
    return passed;
}

TEST(TokenBucket, RateIsWithinTwoPercentOverFiveSeconds) {
    constexpr uint64_t us = second / 1'000'000;
    struct {
        uint64_t per_second, piece;
    } const cases[] = {{1'000, 1},      {50'000, 1},          {2'000'000, 1},
                       {1 << 20, 4096}, {100 << 20, 1 << 20}, {10'000'000'000, 512}};
    for (auto [per_second, piece] : cases) {
        for (uint64_t jitter : {uint64_t{0}, 50 * us, 5'000 * us}) {
            auto passed = static_cast<double>(passed_in_5s(per_second, piece, 100 * us, jitter));
            auto wanted = 5.0 * static_cast<double>(per_second);
            EXPECT_NEAR(passed, wanted, wanted * 0.02)
                << per_second << " per second, " << piece << " at a time, jitter " << jitter;
        }
    }
}

TEST(TokenBucket, PieceLargerThanTheBurstPassesAndIsPaidFor) {
    TokenBucket bucket;
    bucket.set_rate(1000.0 / second, burst, 0);
    bucket.refill(second);
    EXPECT_GE(bucket.level(), 0);
    bucket.take(3000);
    uint64_t wait = bucket.ticks_to_wait();
    EXPECT_GT(wait, 29 * second / 10);
    EXPECT_LE(wait, 3 * second + 1);
    bucket.refill(second + wait);
    EXPECT_GE(bucket.level(), 0);
    EXPECT_EQ(bucket.ticks_to_wait(), 0u);
}

TEST(TokenBucket, IdleTimeIsWorthABurstAtMost) {
    TokenBucket bucket;
    bucket.set_rate(1000.0 / second, burst, 0);
    bucket.refill(3600 * second);
    EXPECT_DOUBLE_EQ(bucket.level(), 20);
}

TEST(TokenBucket, WithoutLimitEverythingPasses) {
    TokenBucket bucket;
    bucket.refill(second);
    bucket.take(UINT64_MAX);
    EXPECT_EQ(bucket.level(), 0);
    EXPECT_EQ(bucket.ticks_to_wait(), 0u);
}

TEST(TokenBucket, ClockOfAnotherThreadMayBeBehind) {
    TokenBucket bucket;
    bucket.set_rate(1000.0 / second, burst, second);
    bucket.take(1);
    bucket.refill(second / 2);
    EXPECT_DOUBLE_EQ(bucket.level(), -1);
}

}  // namespace
}  // namespace bdk
