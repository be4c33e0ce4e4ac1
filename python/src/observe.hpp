// SPDX-License-Identifier: BSD-3-Clause
// Queries about a bdev of the running host. All functions: [not a bdk thread], while the host runs.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace bdevkit::python {

/// JSON, or a negative errno.
using Json = tl::expected<std::string, int>;

/// The names of all bdevs, each base before the bdevs on top of it.
std::vector<std::string> bdev_names();

/// bdk_bdev_dump_info_json() and the names of the bases.
Json bdev_info(const std::string& name);

/// bdk_bdev_io_stat_dump_json(), with the module's own counters as "driver_specific".
Json bdev_stats(const std::string& name);

/// Returns the counters and resets them, or with `maxmin` only the extremes.
Json take_stats(const std::string& name, bool maxmin);

/// Resets the counters, or with `maxmin` only the extremes. @return 0 or a negative errno
int reset_stats(const std::string& name, bool maxmin);

/// Begins or ends a latency histogram. @param types  BDK_BDEV_IO_TYPE_BIT()s; 0: all
int enable_histogram(const std::string& name, bool enable, uint64_t types);

/// bdk_histogram_dump_json() and the buckets, as [first_ns, last_ns, count].
Json histogram(const std::string& name);

/// Rate limits per second, 0 for none: reads and writes, bytes of both, of reads, of writes.
int set_qos(const std::string& name, uint64_t rw_iops, uint64_t rw_bytes, uint64_t read_bytes,
            uint64_t write_bytes);

}  // namespace bdevkit::python
