// SPDX-License-Identifier: BSD-3-Clause
// Replays a trace on a bdev.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "perf/perf_run.hpp"
#include "perf/trace_reader.hpp"

namespace bdevkit::host {

struct ReplayOptions {
    bool original_speed = true;  ///< each I/O at its original time; false: as fast as possible
    uint32_t depth = 32;         ///< I/Os in flight, at full speed
    bool keep_going = false;     ///< after an I/O has failed
};

struct ReplayReport {
    PerfReport perf;
    uint64_t skipped = 0;  ///< I/Os of types that cannot be replayed
    uint64_t late_ns = 0;  ///< the largest delay of a submission
};

/**
 * [main thread, while a Runtime runs] Submits the trace's I/Os from one thread, in their order. A trace
 * contains no data: writes write a pattern, a compare becomes a read, and a zcopy becomes a read or a write.
 * Types other than read, write, unmap, flush, write zeroes and reset are skipped. @param core -1: any core
 */
tl::expected<ReplayReport, std::string> run_replay(const TraceContent& trace, const ReplayOptions& options,
                                                   const std::string& bdev, int64_t core,
                                                   const PerfProgress& progress);

}  // namespace bdevkit::host
