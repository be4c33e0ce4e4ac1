// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "model/random.hpp"
#include "support/test_host.hpp"

namespace bdk::test {

/// A stack of bdevs, chosen at random.
struct Stack {
    std::vector<std::string> bdevs;  ///< from the disk to the top
    std::string beside;              ///< reads as the top does; empty for none
    bool has_metadata = false;       ///< to be hidden
    uint32_t write_unit = 1;         ///< blocks; writes are multiples of it
    uint64_t num_blocks = 0;
    bool starts_zeroed = true;  ///< as the disk does
    std::string description;    ///< a line per bdev

    const std::string& top() const { return bdevs.back(); }
};

/// Loads the plugins that stacks are made of.
void load_modules(TestHost& host);

/// Creates one. Throws when that fails.
Stack build_stack(TestHost& host, Random& random);

}  // namespace bdk::test
