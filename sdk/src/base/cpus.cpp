// SPDX-License-Identifier: BSD-3-Clause
#include "base/cpus.hpp"

#include <algorithm>

namespace bdk {

std::string format_cores(const std::vector<uint32_t>& cores) {
    std::string text;
    for (const uint32_t core : cores) {
        if (!text.empty()) text += ',';
        text += std::to_string(core);
    }
    return text;
}

std::vector<uint32_t> available_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<uint32_t> cores;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) return {0};
    for (uint32_t core = 0; core < CPU_SETSIZE; ++core) {
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    }
    return cores;
}

std::string why_unavailable(uint32_t core) {
    const std::vector<uint32_t> available = available_cores();
    if (std::find(available.begin(), available.end(), core) != available.end()) return {};
    return "core " + std::to_string(core) +
           " is not available to this process; available: " + format_cores(available);
}

}  // namespace bdk
