// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bdevkit::host {

enum class PerfOperation { read, write, unmap, flush, write_zeroes, reset, compare, copy, verify };

/// The operations of `--rw`.
struct PerfMix {
    PerfOperation operation = PerfOperation::read;
    bool random = false;
    bool mixed = false;  ///< reads and writes, `read_percent` of them reads
    uint32_t read_percent = 50;
};

/// The work of `bdevkit perf` on each bdev.
struct PerfOptions {
    PerfMix mix;
    uint64_t io_size = 4096;      ///< bytes
    uint32_t depth = 32;          ///< I/Os in flight per job
    uint64_t time_ns = 0;         ///< duration; 0: until `count`
    uint64_t count = 0;           ///< I/Os of all jobs together; 0: until `time_ns`
    uint64_t offset = 0;          ///< bytes
    uint64_t length = 0;          ///< bytes from `offset`; 0: to the end
    uint64_t rate = 0;            ///< I/Os per second of all jobs together; 0: no limit
    std::optional<double> theta;  ///< exponent of a Zipf distribution; uniform if empty
    uint64_t seed = 1;
    bool keep_going = false;    ///< after an I/O has failed
    bool time_each_io = false;  ///< measure every I/O, at any rate
};

/// The names that `--rw` takes.
const std::vector<std::string>& perf_mix_names();

/// @return empty for an unknown name
std::optional<PerfMix> perf_mix_from_name(const std::string& name);

/// True for operations that change data.
bool perf_writes(const PerfMix& mix);

}  // namespace bdevkit::host
