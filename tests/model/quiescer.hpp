// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "model/random.hpp"

namespace bdk::test {

/// Quiesces bdevs at random, wholly or in part, one at a time.
class Quiescer {
public:
    Quiescer(std::vector<std::string> bdevs, uint64_t seed) : bdevs_(std::move(bdevs)), random_(seed) {}

    /// [not a bdk thread] Chooses a bdev; returns true when its I/O flows again, false as soon as is_alive()
    /// does. Throws when it is refused.
    bool quiesce_one_for_a_while(const std::function<bool()>& is_alive);
    /// Describes its current action.
    const std::string& state() const { return state_; }

private:
    std::vector<std::string> bdevs_;
    Random random_;
    std::string state_ = "nothing is quiesced";
};

}  // namespace bdk::test
