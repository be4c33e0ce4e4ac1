// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "host.hpp"

namespace bdevkit::host {

/// A table for people: one line per bdev, the bdevs on top first.
std::string counters_table(const std::vector<BdevCounters>& counters);

/// The counters as JSON, for programs, in bytes and counts.
nlohmann::json counters_json(const std::vector<BdevCounters>& counters);

}  // namespace bdevkit::host
