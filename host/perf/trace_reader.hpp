// SPDX-License-Identifier: BSD-3-Clause
// Reads the files of the module `trace` (bdevkit/trace.h).
#pragma once

#include <bdevkit/trace.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace bdevkit::host {

struct TraceContent {
    bdk_trace_header header{};
    std::vector<bdk_trace_record> records;  ///< in the order of submission
    uint64_t lost = 0;                      ///< I/Os missing from the file
};

/// Reads a whole trace. The error is one line.
tl::expected<TraceContent, std::string> read_trace(const std::string& path);

/// One line each, without a line end.
std::string trace_title(const TraceContent& trace);
std::string trace_line(const TraceContent& trace, const bdk_trace_record& record);
nlohmann::ordered_json trace_title_json(const TraceContent& trace);
nlohmann::ordered_json trace_line_json(const TraceContent& trace, const bdk_trace_record& record);

}  // namespace bdevkit::host
