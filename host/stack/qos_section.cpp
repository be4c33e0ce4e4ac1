// SPDX-License-Identifier: BSD-3-Clause
// The key `qos` of a bdev: rate limits, whatever its module.
#include <fmt/format.h>

#include "stack/sections.hpp"

namespace bdevkit::host {

namespace {

constexpr uint64_t max_rate = 1ull << 50;

constexpr bdk_option qos_options[] = {
    {.name = "rw_iops",
     .help = "Reads and writes per second; 0 for no limit.",
     .type = BDK_OPTION_U64,
     .offset = offsetof(bdk_bdev_qos_limits, rw_iops),
     .max = max_rate},
    {.name = "rw_bytes_per_second",
     .help = "Bytes per second, read and written; 0 for no limit.",
     .type = BDK_OPTION_SIZE,
     .offset = offsetof(bdk_bdev_qos_limits, rw_bytes_per_second),
     .max = max_rate},
    {.name = "read_bytes_per_second",
     .help = "Bytes read per second; 0 for no limit.",
     .type = BDK_OPTION_SIZE,
     .offset = offsetof(bdk_bdev_qos_limits, read_bytes_per_second),
     .max = max_rate},
    {.name = "write_bytes_per_second",
     .help = "Bytes written per second; 0 for no limit.",
     .type = BDK_OPTION_SIZE,
     .offset = offsetof(bdk_bdev_qos_limits, write_bytes_per_second),
     .max = max_rate},
};

}  // namespace

OptionTable qos_table() {
    return {qos_options, sizeof(bdk_bdev_qos_limits)};
}

bdk_bdev_qos_limits read_qos(const ConfigNode& node, const std::filesystem::path& folder,
                             Problems& problems) {
    if (!node.is_map()) {
        problems.add(node.at, fmt::format("'qos': expected a map of limits, got {}", describe(node)));
        return {};
    }
    const OptionReader reader(qos_table(), folder, "`qos`");
    const OptionStruct options = reader.read(node.members, node.at, {}, problems);
    bdk_bdev_qos_limits limits = options.as<bdk_bdev_qos_limits>();
    limits.size = sizeof limits;
    return limits;
}

}  // namespace bdevkit::host
