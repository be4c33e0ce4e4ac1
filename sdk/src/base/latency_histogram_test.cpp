// SPDX-License-Identifier: BSD-3-Clause
#include "base/latency_histogram.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace bdk {
namespace {

constexpr double percents[] = {0, 1, 25, 50, 90, 99, 99.9, 99.99, 100};

uint64_t exact_percentile(const std::vector<uint64_t>& sorted, double percent) {
    auto rank = static_cast<size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
    return sorted[std::max<size_t>(rank, 1) - 1];
}

TEST(LatencyHistogram, SmallValuesAreExact) {
    LatencyHistogram histogram;
    for (uint64_t value = 1; value <= 100; value++)
        histogram.add(value);
    EXPECT_EQ(histogram.count(), 100u);
    EXPECT_EQ(histogram.min(), 1u);
    EXPECT_EQ(histogram.max(), 100u);
    EXPECT_DOUBLE_EQ(histogram.mean(), 50.5);
    EXPECT_EQ(histogram.percentile(0), 1u);
    EXPECT_EQ(histogram.percentile(50), 50u);
    EXPECT_EQ(histogram.percentile(99), 99u);
    EXPECT_EQ(histogram.percentile(100), 100u);
}

TEST(LatencyHistogram, PercentilesAreWithinOnePercentOverTheWholeRange) {
    std::mt19937_64 random(7);
    for (int bits : {10, 20, 33, 50, 64}) {
        LatencyHistogram histogram;
        std::vector<uint64_t> values;
        for (int i = 0; i < 20'000; i++)
            values.push_back(random() >> (64 - bits));
        for (uint64_t value : values)
            histogram.add(value);
        std::sort(values.begin(), values.end());
        for (double percent : percents) {
            auto exact = static_cast<double>(exact_percentile(values, percent));
            auto measured = static_cast<double>(histogram.percentile(percent));
            EXPECT_NEAR(measured, exact, exact * 0.01 + 0.5) << bits << " bits, percentile " << percent;
        }
    }
}

TEST(LatencyHistogram, ExtremesHaveBuckets) {
    LatencyHistogram histogram;
    histogram.add(0);
    histogram.add(UINT64_MAX);
    EXPECT_EQ(histogram.percentile(50), 0u);
    EXPECT_GE(histogram.percentile(100), UINT64_MAX / 100 * 99);
    EXPECT_EQ(histogram.max(), UINT64_MAX);
}

TEST(LatencyHistogram, EmptyOneSaysZero) {
    LatencyHistogram histogram;
    EXPECT_EQ(histogram.percentile(99), 0u);
    EXPECT_EQ(histogram.min(), 0u);
    EXPECT_EQ(histogram.max(), 0u);
    EXPECT_EQ(histogram.mean(), 0);
}

TEST(LatencyHistogram, MergingIsAsAddingAll) {
    LatencyHistogram even, odd, all;
    for (uint64_t value = 0; value < 100'000; value += 7) {
        (value % 2 == 0 ? even : odd).add(value);
        all.add(value);
    }
    even.merge(odd);
    EXPECT_EQ(even.count(), all.count());
    EXPECT_EQ(even.min(), all.min());
    EXPECT_EQ(even.max(), all.max());
    EXPECT_DOUBLE_EQ(even.mean(), all.mean());
    for (double percent : percents)
        EXPECT_EQ(even.percentile(percent), all.percentile(percent));
}

TEST(LatencyHistogram, BucketsCoverTheRangeWithoutGaps) {
    LatencyHistogram histogram;
    std::mt19937_64 random(11);
    for (int i = 0; i < 10'000; i++)
        histogram.add(random() >> (random() % 64));
    uint64_t count = 0, previous_last = 0;
    bool is_first = true;
    histogram.for_each_bucket([&](uint64_t first, uint64_t last, uint64_t in_bucket) {
        EXPECT_LE(first, last);
        EXPECT_TRUE(is_first || first > previous_last);
        EXPECT_LE(static_cast<double>(last - first), static_cast<double>(first) / 64 + 1);
        previous_last = last;
        is_first = false;
        count += in_bucket;
    });
    EXPECT_EQ(count, histogram.count());
}

}  // namespace
}  // namespace bdk
