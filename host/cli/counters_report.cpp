// SPDX-License-Identifier: BSD-3-Clause
#include "cli/counters_report.hpp"

#include <bdevkit/status.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace bdevkit::host {

namespace {

/// "512 B", "1.5 MiB"
std::string readable_bytes(uint64_t bytes) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    auto value = static_cast<double>(bytes);
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < std::size(units)) {
        value /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

nlohmann::json errors_by_status(const bdk_bdev_io_stat& io) {
    nlohmann::json result = nlohmann::json::object();
    for (int32_t i = 1; i < static_cast<int32_t>(std::size(io.num_errors_by_status)); ++i) {
        if (const uint64_t count = io.num_errors_by_status[i]; count != 0) {
            result[bdk_bdev_io_status_name(-i)] = count;
        }
    }
    return result;
}

/// Mean, smallest and largest latency of the types that have come, in microseconds.
nlohmann::json latencies(const bdk_bdev_io_stat& io) {
    nlohmann::json result = nlohmann::json::object();
    const auto us = [&](uint64_t ticks) {
        return static_cast<double>(ticks) * 1e6 / static_cast<double>(io.ticks_rate);
    };
    const auto add = [&](const char* name, uint64_t ops, uint64_t sum, uint64_t min, uint64_t max) {
        if (ops == 0) return;
        result[name] = {{"mean", us(sum) / static_cast<double>(ops)}, {"min", us(min)}, {"max", us(max)}};
    };
    add("read", io.num_read_ops, io.read_latency_ticks, io.min_read_latency_ticks, io.max_read_latency_ticks);
    add("write", io.num_write_ops, io.write_latency_ticks, io.min_write_latency_ticks,
        io.max_write_latency_ticks);
    add("unmap", io.num_unmap_ops, io.unmap_latency_ticks, io.min_unmap_latency_ticks,
        io.max_unmap_latency_ticks);
    add("write_zeroes", io.num_write_zeroes_ops, io.write_zeroes_latency_ticks,
        io.min_write_zeroes_latency_ticks, io.max_write_zeroes_latency_ticks);
    add("copy", io.num_copy_ops, io.copy_latency_ticks, io.min_copy_latency_ticks, io.max_copy_latency_ticks);
    add("flush", io.num_flush_ops, io.flush_latency_ticks, io.min_flush_latency_ticks,
        io.max_flush_latency_ticks);
    return result;
}

}  // namespace

std::string counters_table(const std::vector<BdevCounters>& counters) {
    size_t name_width = 4;
    size_t module_width = 6;
    for (const BdevCounters& bdev : counters) {
        name_width = std::max(name_width, bdev.name.size());
        module_width = std::max(module_width, bdev.module.size());
    }
    std::string text = fmt::format("{:<{}}  {:<{}}  {:>9} {:>10}  {:>9} {:>10}  {:>7} {:>7} {:>7} {:>7}\n",
                                   "bdev", name_width, "module", module_width, "reads", "", "writes", "",
                                   "flushes", "unmaps", "other", "errors");
    for (auto bdev = counters.rbegin(); bdev != counters.rend(); ++bdev) {
        const bdk_bdev_io_stat& io = bdev->io;
        text += fmt::format("{:<{}}  {:<{}}  {:>9} {:>10}  {:>9} {:>10}  {:>7} {:>7} {:>7} {:>7}\n",
                            bdev->name, name_width, bdev->module, module_width, io.num_read_ops,
                            readable_bytes(io.bytes_read), io.num_write_ops, readable_bytes(io.bytes_written),
                            io.num_flush_ops, io.num_unmap_ops,
                            io.num_other_ops + io.num_copy_ops + io.num_write_zeroes_ops, io.num_errors);
    }
    for (auto bdev = counters.rbegin(); bdev != counters.rend(); ++bdev) {
        if (!bdev->driver_specific.empty())
            text += fmt::format("{}: {}\n", bdev->name, bdev->driver_specific);
    }
    return text;
}

nlohmann::json counters_json(const std::vector<BdevCounters>& counters) {
    nlohmann::json result = nlohmann::json::array();
    for (const BdevCounters& bdev : counters) {
        const bdk_bdev_io_stat& io = bdev.io;
        result.push_back({{"name", bdev.name},
                          {"module", bdev.module},
                          {"reads", io.num_read_ops},
                          {"bytes_read", io.bytes_read},
                          {"writes", io.num_write_ops},
                          {"bytes_written", io.bytes_written},
                          {"unmaps", io.num_unmap_ops},
                          {"bytes_unmapped", io.bytes_unmapped},
                          {"copies", io.num_copy_ops},
                          {"bytes_copied", io.bytes_copied},
                          {"write_zeroes", io.num_write_zeroes_ops},
                          {"bytes_zeroed", io.bytes_zeroed},
                          {"flushes", io.num_flush_ops},
                          {"others", io.num_other_ops},
                          {"errors", io.num_errors},
                          {"spin_us", io.spin_ns / 1000},
                          {"errors_by_status", errors_by_status(io)},
                          {"latency_us", latencies(io)}});
        if (!bdev.driver_specific.empty())
            result.back()["driver_specific"] = nlohmann::json::parse(bdev.driver_specific);
    }
    return result;
}

}  // namespace bdevkit::host
