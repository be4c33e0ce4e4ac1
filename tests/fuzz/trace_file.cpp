// SPDX-License-Identifier: BSD-3-Clause
// The files that the module `trace` writes, read and printed.
#include <nlohmann/json.hpp>

#include "memory_file.hpp"
#include "perf/trace_reader.hpp"

using namespace bdk::fuzz;
using namespace bdevkit::host;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const MemoryFile file(FuzzInput(data, size).take_rest());
    const auto trace = read_trace(file.path());
    if (!trace) {
        must_hold(!trace.error().empty(), "what cannot be read has a reason");
        return 0;
    }
    must_hold(trace->records.size() * sizeof(bdk_trace_record) <= size,
              "no more records are read than there are");
    // A bdev's name in a file may be anything.
    const auto replace = nlohmann::json::error_handler_t::replace;
    must_hold(!trace_title(*trace).empty() && !trace_title_json(*trace).dump(-1, ' ', false, replace).empty(),
              "a trace has a title");
    for (const bdk_trace_record& record : trace->records)
        must_hold(!trace_line(*trace, record).empty() &&
                      !trace_line_json(*trace, record).dump(-1, ' ', false, replace).empty(),
                  "a record has a line");
    return 0;
}
