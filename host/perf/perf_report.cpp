// SPDX-License-Identifier: BSD-3-Clause
#include "perf/perf_report.hpp"

#include <bdevkit/thread.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace bdevkit::host {

namespace {

struct Percentile {
    const char* name;
    double percent;
};
constexpr std::array<Percentile, 4> percentiles = {
    {{"p50", 50}, {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}}};

double us_from_ticks(double ticks) {
    return ticks * 1e6 / static_cast<double>(bdk_get_ticks_hz());
}

std::string core_name(int64_t core) {
    return core < 0 ? "any" : std::to_string(core);
}

std::string latency_line(const bdk::LatencyHistogram& latency) {
    std::string line = fmt::format("latency   avg {:.2f} us", us_from_ticks(latency.mean()));
    for (const Percentile& p : percentiles)
        line += fmt::format("   {} {:.2f}", p.name,
                            us_from_ticks(static_cast<double>(latency.percentile(p.percent))));
    return line + fmt::format("   max {:.2f}\n", us_from_ticks(static_cast<double>(latency.max())));
}

}  // namespace

PerfToolCost perf_tool_cost(const PerfReport& calibration) {
    const double cycles = calibration.cycles_per_io();
    return {cycles * 1e9 / static_cast<double>(bdk_get_ticks_hz()), cycles};
}

std::string readable_rate(double per_second) {
    if (per_second >= 1e6) return fmt::format("{:.2f} M", per_second / 1e6);
    if (per_second >= 1e4) return fmt::format("{:.1f} k", per_second / 1e3);
    return fmt::format("{:.0f}", per_second);
}

std::string perf_table(const PerfReport& report, const PerfToolCost& tool) {
    size_t width = 5;
    for (const PerfJobReport& job : report.jobs)
        width = std::max(width, job.bdev.size());
    std::string text = fmt::format("{:<{}}  {:>4}  {:>10}  {:>10}\n", "bdev", width, "core", "IOPS", "MiB/s");
    const double mib_per_io =
        report.ios == 0 ? 0
                        : static_cast<double>(report.bytes) / (1024 * 1024) / static_cast<double>(report.ios);
    for (const PerfJobReport& job : report.jobs)
        text += fmt::format("{:<{}}  {:>4}  {:>10}  {:>10.1f}\n", job.bdev, width, core_name(job.core),
                            readable_rate(job.iops), job.iops * mib_per_io);
    if (report.jobs.size() > 1)
        text += fmt::format("{:<{}}  {:>4}  {:>10}  {:>10.1f}\n", "total", width, "",
                            readable_rate(report.iops), report.mib_per_second);
    text += latency_line(report.latency);
    text += fmt::format("          of {}, {} I/Os in {:.2f} s, {} errors\n",
                        report.sampled ? "one I/O in 32" : "every I/O", report.ios, report.seconds,
                        report.errors);
    text += fmt::format(
        "cost      {:.0f} cycles per I/O, {:.0f}% of a core; the tool itself: {:.0f} cycles, {:.1f} ns\n",
        report.cycles_per_io(), report.cpu_percent(), tool.cycles, tool.ns);
    return text;
}

nlohmann::json perf_json(const PerfReport& report, const PerfToolCost& tool) {
    nlohmann::json jobs = nlohmann::json::array();
    for (const PerfJobReport& job : report.jobs) {
        jobs.push_back({{"bdev", job.bdev},
                        {"core", job.core < 0 ? nlohmann::json() : nlohmann::json(job.core)},
                        {"ios", job.ios},
                        {"iops", job.iops}});
    }
    nlohmann::json latency = {{"avg", us_from_ticks(report.latency.mean())},
                              {"max", us_from_ticks(static_cast<double>(report.latency.max()))},
                              {"measured", report.latency.count()}};
    for (const Percentile& p : percentiles)
        latency[p.name] = us_from_ticks(static_cast<double>(report.latency.percentile(p.percent)));
    return {{"iops", report.iops},
            {"mib_per_second", report.mib_per_second},
            {"ios", report.ios},
            {"bytes", report.bytes},
            {"errors", report.errors},
            {"first_error", report.first_error},
            {"seconds", report.seconds},
            {"interrupted", report.interrupted},
            {"latency_us", latency},
            {"cycles_per_io", report.cycles_per_io()},
            {"cpu_percent", report.cpu_percent()},
            {"tool_ns_per_io", tool.ns},
            {"tool_cycles_per_io", tool.cycles},
            {"jobs", jobs}};
}

}  // namespace bdevkit::host
