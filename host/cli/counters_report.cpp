// SPDX-License-Identifier: BSD-3-Clause
#include "cli/counters_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ranges>

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
    for (const BdevCounters& bdev : counters | std::views::reverse) {
        const bdk_bdev_io_stat& io = bdev.io;
        text +=
            fmt::format("{:<{}}  {:<{}}  {:>9} {:>10}  {:>9} {:>10}  {:>7} {:>7} {:>7} {:>7}\n", bdev.name,
                        name_width, bdev.module, module_width, io.num_read_ops, readable_bytes(io.bytes_read),
                        io.num_write_ops, readable_bytes(io.bytes_written), io.num_flush_ops,
                        io.num_unmap_ops, io.num_other_ops + io.num_copy_ops, io.num_errors);
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
                          {"flushes", io.num_flush_ops},
                          {"others", io.num_other_ops},
                          {"errors", io.num_errors}});
    }
    return result;
}

}  // namespace bdevkit::host
