// SPDX-License-Identifier: BSD-3-Clause
#include "perf/trace_reader.hpp"

#include <bdevkit/bdev_io.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/text.hpp"

namespace bdevkit::host {

namespace {

/// The parts of the header and of a record that every version has.
constexpr uint32_t header_bytes = sizeof(bdk_trace_header), record_bytes = sizeof(bdk_trace_record);
constexpr uint32_t longest_step = 1 << 20;

tl::expected<bdk_trace_header, std::string> read_header(std::istream& file, const std::string& path) {
    bdk_trace_header header{};
    file.read(reinterpret_cast<char*>(&header), header_bytes);
    if (file.gcount() != header_bytes ||
        std::memcmp(header.magic, BDK_TRACE_MAGIC, sizeof(header.magic)) != 0)
        return tl::unexpected(fmt::format("'{}' is not a trace", path));
    if (header.version != BDK_TRACE_VERSION)
        return tl::unexpected(fmt::format("'{}' is a trace of version {}; this program reads {}", path,
                                          header.version, BDK_TRACE_VERSION));
    const bool sizes_fit = header.header_size >= header_bytes && header.record_size >= record_bytes &&
                           header.header_size <= longest_step && header.record_size <= longest_step;
    if (!sizes_fit || header.block_size == 0)
        return tl::unexpected(fmt::format("the header of '{}' is damaged", path));
    header.bdev[sizeof(header.bdev) - 1] = 0;
    file.seekg(header.header_size);
    return header;
}

double us(uint64_t ns) {
    return static_cast<double>(ns) / 1000;
}

}  // namespace

tl::expected<TraceContent, std::string> read_trace(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return tl::unexpected(
            fmt::format("cannot open '{}': {}", path, std::generic_category().message(errno)));
    const auto header = read_header(file, path);
    if (!header) return tl::unexpected(header.error());
    TraceContent trace;
    trace.header = *header;
    // An incomplete last record does not count.
    for (std::vector<char> bytes(header->record_size); file.read(bytes.data(), header->record_size);) {
        bdk_trace_record record{};
        std::memcpy(&record, bytes.data(), record_bytes);
        if (record.type == BDK_BDEV_IO_TYPE_INVALID)
            trace.lost += record.num_blocks;
        else
            trace.records.push_back(record);
    }
    std::stable_sort(trace.records.begin(), trace.records.end(),
                     [](const auto& a, const auto& b) { return a.submit_ns < b.submit_ns; });
    return trace;
}

std::string trace_title(const TraceContent& trace) {
    std::string title =
        fmt::format("trace of '{}', {} blocks of {} bytes, {} I/Os", bdk::printable(trace.header.bdev),
                    trace.header.num_blocks, trace.header.block_size, trace.records.size());
    if (trace.lost != 0) title += fmt::format(", {} more lost", trace.lost);
    return title + fmt::format("\n{:>14}  {:>3}  {:<17}  {:>14}  {:>10}  {:>12}  {}", "seconds", "thr",
                               "type", "offset", "bytes", "latency us", "status");
}

std::string trace_line(const TraceContent& trace, const bdk_trace_record& record) {
    const uint64_t block = trace.header.block_size;
    return fmt::format(
        "{:14.9f}  {:>3}  {:<17}  {:>14}  {:>10}  {:>12.3f}  {}{}",
        static_cast<double>(record.submit_ns) / 1e9, record.thread, bdk_bdev_io_type_name(record.type),
        record.offset_blocks * block, record.num_blocks * block, us(record.latency_ns),
        bdk_bdev_io_status_name(record.status), (record.flags & BDK_BDEV_IO_FUA) != 0 ? " fua" : "");
}

nlohmann::ordered_json trace_title_json(const TraceContent& trace) {
    return {{"bdev", trace.header.bdev},
            {"block_size", trace.header.block_size},
            {"num_blocks", trace.header.num_blocks},
            {"start_time_ns", trace.header.start_time},
            {"ios", trace.records.size()},
            {"lost", trace.lost}};
}

nlohmann::ordered_json trace_line_json(const TraceContent& trace, const bdk_trace_record& record) {
    const uint64_t block = trace.header.block_size;
    return {{"submit_ns", record.submit_ns},
            {"thread", record.thread},
            {"type", bdk_bdev_io_type_name(record.type)},
            {"offset", record.offset_blocks * block},
            {"bytes", record.num_blocks * block},
            {"flags", record.flags},
            {"latency_ns", record.latency_ns},
            {"status", bdk_bdev_io_status_name(record.status)}};
}

}  // namespace bdevkit::host
