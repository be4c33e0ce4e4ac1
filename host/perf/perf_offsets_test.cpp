// SPDX-License-Identifier: BSD-3-Clause
#include "perf/perf_offsets.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <vector>

namespace bdevkit::host {
namespace {

TEST(PerfOffsetsTest, a_sequence_starts_where_it_is_told_and_wraps) {
    PerfOffsets offsets(4, false, std::nullopt, 1, 2);
    std::vector<uint64_t> seen;
    for (int i = 0; i < 6; ++i)
        seen.push_back(offsets.next());
    EXPECT_EQ(seen, (std::vector<uint64_t>{2, 3, 0, 1, 2, 3}));
}

TEST(PerfOffsetsTest, uniform_offsets_reach_every_place_about_equally_often) {
    PerfOffsets offsets(16, true, std::nullopt, 7, 0);
    std::map<uint64_t, int> seen;
    for (int i = 0; i < 160'000; ++i)
        seen[offsets.next()]++;
    ASSERT_EQ(seen.size(), 16u);
    for (const auto& [slot, count] : seen) {
        EXPECT_LT(slot, 16u);
        EXPECT_NEAR(count, 10'000, 500);
    }
}

TEST(PerfOffsetsTest, zipf_ranks_have_their_probabilities) {
    constexpr int draws = 400'000;
    for (const double theta : {0.5, 0.99, 1.0, 1.2}) {
        PerfRandom random(3);
        const Zipf zipf(1000, theta);
        std::vector<int> seen(1001);
        for (int i = 0; i < draws; ++i) {
            const uint64_t rank = zipf(random);
            ASSERT_TRUE(rank >= 1 && rank <= 1000) << rank;
            seen[rank]++;
        }
        double sum = 0;
        for (int k = 1; k <= 1000; ++k)
            sum += std::pow(k, -theta);
        for (const int k : {1, 2, 10, 100}) {
            const double expected = draws * std::pow(k, -theta) / sum;
            EXPECT_NEAR(seen[k], expected, 5 * std::sqrt(expected) + 1)
                << "rank " << k << ", theta " << theta;
        }
    }
}

TEST(PerfOffsetsTest, zipf_offsets_lie_apart) {
    PerfOffsets offsets(1 << 20, true, 1.2, 5, 0);
    std::map<uint64_t, int> seen;
    for (int i = 0; i < 10'000; ++i)
        seen[offsets.next()]++;
    std::set<std::pair<int, uint64_t>> by_count;
    for (const auto& [slot, count] : seen)
        by_count.insert({count, slot});
    const uint64_t first = by_count.rbegin()->second;
    const uint64_t second = std::next(by_count.rbegin())->second;
    EXPECT_GT(std::max(first, second) - std::min(first, second), 1000u);
}

}  // namespace
}  // namespace bdevkit::host
