// SPDX-License-Identifier: BSD-3-Clause
// The output of `bdevkit perf`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "perf/perf_run.hpp"

namespace bdevkit::host {

/// The tool's own cost per I/O, measured without a bdev.
struct PerfToolCost {
    double ns = 0;
    double cycles = 0;
};
PerfToolCost perf_tool_cost(const PerfReport& calibration);

/// "12.3 M", "512.0 k", "87"
std::string readable_rate(double per_second);

std::string perf_table(const PerfReport& report, const PerfToolCost& tool);
nlohmann::json perf_json(const PerfReport& report, const PerfToolCost& tool);

}  // namespace bdevkit::host
