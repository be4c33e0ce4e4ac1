// SPDX-License-Identifier: BSD-3-Clause
// Which of the kernel's operations empties which part of a range.
#include <gtest/gtest.h>

#include <vector>

#include "blanking.hpp"

namespace {

/// All steps on the range, with `way` where it fits.
std::vector<std::pair<Way, uint64_t>> steps_of(ByteRange range, Way way, uint64_t unit,
                                               uint64_t longest_write = 1 << 20) {
    std::vector<std::pair<Way, uint64_t>> steps;
    while (range.begin < range.end) {
        const BlankStep step = next_blank_step(range, way, unit, longest_write);
        steps.emplace_back(step.way, step.length);
        range.begin += step.length;
    }
    EXPECT_EQ(range.begin, range.end) << "no byte beyond it";
    return steps;
}

using Steps = std::vector<std::pair<Way, uint64_t>>;

TEST(Blanking, TakesWholeUnitsAtOnceAndWritesTheEdges) {
    EXPECT_EQ(steps_of({4096, 12288}, Way::zero, 4096), (Steps{{Way::zero, 8192}}));
    EXPECT_EQ(steps_of({3584, 12800}, Way::zero, 4096),
              (Steps{{Way::write, 512}, {Way::zero, 8192}, {Way::write, 512}}));
    EXPECT_EQ(steps_of({4096, 12800}, Way::punch, 4096), (Steps{{Way::punch, 8192}, {Way::write, 512}}));
    EXPECT_EQ(steps_of({512, 4096}, Way::zero, 4096), (Steps{{Way::write, 3584}}));
    EXPECT_EQ(steps_of({4608, 5120}, Way::zero, 4096), (Steps{{Way::write, 512}})) << "within a unit";
    EXPECT_EQ(steps_of({3584, 4608}, Way::zero, 4096), (Steps{{Way::write, 1024}})) << "parts of two";
    EXPECT_EQ(steps_of({512, 1536}, Way::zero, 1), (Steps{{Way::zero, 1024}})) << "a file has no units";
}

TEST(Blanking, WritesInPieces) {
    EXPECT_EQ(steps_of({512, 10240}, Way::write, 4096, 4096),
              (Steps{{Way::write, 4096}, {Way::write, 4096}, {Way::write, 1536}}));
}

TEST(Blanking, GivesBackWholeUnitsAlone) {
    const ByteRange whole = whole_units({3584, 12800}, 4096);
    EXPECT_EQ(whole.begin, 4096u);
    EXPECT_EQ(whole.end, 12288u);
    const ByteRange none = whole_units({4608, 8000}, 4096);
    EXPECT_GE(none.begin, none.end);
}

std::vector<Way> all_ways(const Ways& ways, Blank wish) {
    std::vector<Way> result;
    for (Way way = ways.first(wish); way != Way::none; way = ways.after(way, wish))
        result.push_back(way);
    return result;
}

TEST(Blanking, ZeroesCanAlwaysBeWritten) {
    const Ways file(false), device(true);
    EXPECT_EQ(all_ways(file, Blank::zero), (std::vector{Way::punch, Way::zero, Way::write}));
    EXPECT_EQ(all_ways(file, Blank::zero_and_keep),
              (std::vector{Way::zero, Way::punch_then_allocate, Way::write}));
    EXPECT_EQ(all_ways(file, Blank::give_back), (std::vector{Way::punch, Way::zero}));
    EXPECT_EQ(all_ways(device, Blank::give_back), (std::vector{Way::discard, Way::punch, Way::zero}));
}

TEST(Blanking, AWayThatIsRefusedForGoodIsNotTriedAgain) {
    Ways ways(false);
    ways.refuse(Way::punch);
    EXPECT_EQ(ways.first(Blank::zero), Way::zero);
    ways.refuse(Way::allocate);  // of a file that has been punched already
    EXPECT_EQ(all_ways(ways, Blank::zero_and_keep), (std::vector{Way::zero, Way::write}));
    ways.refuse(Way::zero);
    EXPECT_EQ(all_ways(ways, Blank::zero), std::vector{Way::write});
    EXPECT_EQ(ways.first(Blank::give_back), Way::none);
}

}  // namespace
