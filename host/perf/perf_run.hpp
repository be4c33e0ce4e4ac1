// SPDX-License-Identifier: BSD-3-Clause
// Runs the jobs of `bdevkit perf`, one per core and bdev, and adds up their results.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/latency_histogram.hpp"
#include "perf/perf_options.hpp"

namespace bdevkit::host {

struct PerfJobReport {
    std::string bdev;
    int64_t core = -1;  ///< -1: not pinned
    uint64_t ios = 0;
    double iops = 0;
};

struct PerfReport {
    std::vector<PerfJobReport> jobs;
    uint64_t ios = 0;
    uint64_t bytes = 0;
    uint64_t errors = 0;
    std::string first_error;
    double seconds = 0;  ///< of the longest job
    double iops = 0;     ///< of all jobs
    double mib_per_second = 0;
    double cpu_seconds = 0;         ///< of the whole process
    bdk::LatencyHistogram latency;  ///< ticks
    bool sampled = false;           ///< `latency` has one I/O in 32
    bool interrupted = false;

    double cpu_percent() const { return seconds == 0 ? 0 : 100 * cpu_seconds / seconds; }
    double cycles_per_io() const;
};

/// Called every 100 ms with the elapsed seconds and the I/Os of all jobs. Return false to end the run.
using PerfProgress = std::function<bool(double seconds, uint64_t ios)>;

/// [main thread, while a Runtime runs] The number of I/Os of options.io_size in the range; 1 if the bdev does
/// not exist.
uint64_t perf_ios_of_range(const PerfOptions& options, const std::string& bdev);

/// [main thread, while a Runtime runs] Runs a job per bdev and core, all at once. @param bdevs empty: one job
/// per core against the built-in device @param cores empty: one job per bdev, on any core
tl::expected<PerfReport, std::string> run_perf(const PerfOptions& options, std::vector<std::string> bdevs,
                                               const std::vector<uint32_t>& cores,
                                               const PerfProgress& progress);

}  // namespace bdevkit::host
