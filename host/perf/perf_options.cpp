// SPDX-License-Identifier: BSD-3-Clause
#include "perf/perf_options.hpp"

#include <algorithm>
#include <utility>

namespace bdevkit::host {

namespace {

using Op = PerfOperation;

const std::vector<std::pair<std::string, PerfMix>>& mixes() {
    static const std::vector<std::pair<std::string, PerfMix>> table = {
        {"read", {Op::read, false, false, 100}},    {"write", {Op::write, false, false, 0}},
        {"rw", {Op::read, false, true, 50}},        {"randread", {Op::read, true, false, 100}},
        {"randwrite", {Op::write, true, false, 0}}, {"randrw", {Op::read, true, true, 50}},
        {"verify", {Op::verify, true, false, 0}},   {"compare", {Op::compare, true, false, 0}},
        {"unmap", {Op::unmap, true, false, 0}},     {"write_zeroes", {Op::write_zeroes, true, false, 0}},
        {"copy", {Op::copy, true, false, 0}},       {"flush", {Op::flush, false, false, 0}},
        {"reset", {Op::reset, false, false, 0}},
    };
    return table;
}

}  // namespace

const std::vector<std::string>& perf_mix_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> result;
        for (const auto& [name, mix] : mixes())
            result.push_back(name);
        return result;
    }();
    return names;
}

std::optional<PerfMix> perf_mix_from_name(const std::string& name) {
    const auto found =
        std::find_if(mixes().begin(), mixes().end(), [&](const auto& entry) { return entry.first == name; });
    if (found == mixes().end()) return std::nullopt;
    return found->second;
}

bool perf_writes(const PerfMix& mix) {
    return mix.mixed ||
           (mix.operation != Op::read && mix.operation != Op::flush && mix.operation != Op::reset);
}

}  // namespace bdevkit::host
