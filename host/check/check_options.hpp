// SPDX-License-Identifier: BSD-3-Clause
// What to check, and how.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "check/rule.hpp"

namespace bdevkit::host {

struct CheckOptions {
    std::filesystem::path plugin;  ///< the file
    std::string module;            ///< the module to test; empty: the plugin's only one
    /// Options for the module's bdevs, as a user would write them. A repeated key makes a list.
    std::vector<std::pair<std::string, std::string>> given;
    RuleChoice rules;
    std::chrono::milliseconds timeout{0};
    uint64_t base_size = 64ull << 20;  ///< bytes
    uint32_t base_block_size = 512;
    std::filesystem::path base_image;  ///< content of the first base; empty: zeroes
};

}  // namespace bdevkit::host
