// SPDX-License-Identifier: BSD-3-Clause
// Plays a trace back on a bdev.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "perf/perf_run.hpp"
#include "perf/trace_reader.hpp"

namespace bdevkit::host {

struct ReplayOptions {
    bool original_speed = true;  ///< each I/O at its time; else as fast as it goes
    uint32_t depth = 32;         ///< I/Os in flight, at full speed
    bool keep_going = false;     ///< after an I/O has failed
};

struct ReplayReport {
    PerfReport perf;
    uint64_t skipped = 0;  ///< I/Os of types that are not played back
    uint64_t late_ns = 0;  ///< how late the latest one began
};

/**
 * [main thread, while a Runtime runs] Submits the trace's I/Os from one thread, in their order. Data are not
 * in a trace: what is written is a pattern, a compare is played back as a read, and a zcopy as a read or a
 * write. Other types than read, write, unmap, flush, write zeroes and reset are skipped.
 * @param core  -1: anywhere
 */
tl::expected<ReplayReport, std::string> run_replay(const TraceContent& trace, const ReplayOptions& options,
                                                   const std::string& bdev, int64_t core,
                                                   const PerfProgress& progress);

}  // namespace bdevkit::host
