// SPDX-License-Identifier: BSD-3-Clause
// trace: a virtual bdev that forwards everything and records every I/O.
#include <bdevkit/trace.h>
#include <bdevkit/bdevkit.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <utility>

#include "trace_file.hpp"

namespace {

using bdevkit::Io, bdevkit::IoType;
using Ticks = uint64_t;

/// Gathers the records of one thread.
class Recorder {
public:
    Recorder(TraceFile& file, uint8_t thread)
        : file_(file),
          thread_(thread),
          timer_(bdevkit::Poller::start<&Recorder::hand_over>(this, "trace", period)) {}
    ~Recorder() {
        hand_over();
        if (lost_ != 0) file_.put_last(gap(last_lost_ns_));
    }
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    void add(bdk_trace_record record) noexcept {
        record.thread = thread_;
        if (chunk_ == nullptr && !begin_chunk(record)) [[unlikely]]
            return;
        chunk_->records[chunk_->count++] = record;
        if (chunk_->count == chunk_->records.size()) [[unlikely]]
            hand_over();
    }

private:
    /// The maximum age of a record before it is written to the file.
    static constexpr std::chrono::seconds period{1};

    /// False when writing falls behind: the record is lost and counted.
    bool begin_chunk(const bdk_trace_record& record) noexcept {
        chunk_ = file_.take();
        if (chunk_ == nullptr) {
            lost_ += lost_ != UINT32_MAX;
            last_lost_ns_ = record.submit_ns;
            return false;
        }
        if (lost_ != 0) chunk_->records[chunk_->count++] = gap(record.submit_ns);
        return true;
    }

    /// The record that stands for those that were lost.
    bdk_trace_record gap(uint64_t submit_ns) noexcept {
        bdk_trace_record gap{};
        gap.submit_ns = submit_ns;
        gap.num_blocks = std::exchange(lost_, 0);
        gap.thread = thread_;
        return gap;
    }

    bool hand_over() noexcept {
        if (chunk_ == nullptr || chunk_->count == 0) return false;
        file_.put(std::move(chunk_));
        return true;
    }

    TraceFile& file_;
    const uint8_t thread_;
    std::unique_ptr<Chunk> chunk_;
    uint32_t lost_ = 0;
    uint64_t last_lost_ns_ = 0;
    bdevkit::Poller timer_;
};

class Trace : public bdevkit::VirtualBdev<Trace> {
public:
    struct Options {
        bdevkit::BdevName base;
        bdevkit::Path path;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev that does the I/O; claimed for writing.").required().claimed(),
        BDEVKIT_OPTION(path, "The file to write; an existing trace is replaced.").required(),
    };

    struct Channel : VirtualBdev::Channel {
        explicit Channel(Trace& bdev)
            : VirtualBdev::Channel(bdev), recorder(bdev.file_, uint8_t(bdev.channels_++)) {}
        Recorder recorder;
    };

    struct IoContext {
        Recorder* recorder;
        Ticks submitted;
    };

    Trace(const char* name, const Options& given)
        : VirtualBdev(name, given.base),
          begin_(bdk_get_ticks()),
          ns_per_tick_(1e9 / double(bdk_get_ticks_hz())),
          file_(given.path, header()) {}

    void submit(Channel& ch, Io io) {
        io.context<IoContext>() = {&ch.recorder, bdk_get_ticks()};
        forward_then<&Trace::ended>(ch, io);
    }

    void dump_info(bdevkit::Json json) const { json.value("path", file_.path()); }

private:
    bdk_trace_header header() {
        bdk_trace_header header{};
        std::memcpy(header.magic, BDK_TRACE_MAGIC, sizeof(header.magic));
        header.version = BDK_TRACE_VERSION;
        header.header_size = sizeof(header);
        header.record_size = sizeof(bdk_trace_record);
        header.block_size = bdev().blocklen;
        header.num_blocks = bdev().blockcnt;
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        header.start_time = uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
        std::strncpy(header.bdev, name(), sizeof(header.bdev) - 1);
        return header;
    }

    uint64_t ns(Ticks ticks) const noexcept { return uint64_t(double(int64_t(ticks)) * ns_per_tick_); }

    void ended(Io io, bool success) {
        const auto& context = io.context<IoContext>();
        bdk_trace_record record{};
        record.submit_ns = ns(context.submitted - begin_);
        record.latency_ns = ns(bdk_get_ticks() - context.submitted);
        record.type = uint8_t(io.type());
        record.status = int8_t(success ? BDK_BDEV_IO_STATUS_SUCCESS : bdk_bdev_io_get_status(io.get()));
        if (has_range(io.type())) {
            record.offset_blocks = io.offset_blocks();
            record.num_blocks = uint32_t(std::min<uint64_t>(io.num_blocks(), UINT32_MAX));
            record.flags = uint8_t(io->u.bdev.flags);
        }
        context.recorder->add(record);
        io.complete_like(io);
    }

    static bool has_range(IoType type) noexcept {
        switch (type) {
            case IoType::reset:
            case IoType::abort:
            case IoType::nvme_admin:
            case IoType::nvme_io:
            case IoType::nvme_io_md:
            case IoType::nvme_iov_md:
            case IoType::get_zone_info:
            case IoType::zone_management:
                return false;
            default:
                return true;
        }
    }

    const Ticks begin_;
    const double ns_per_tick_;
    std::atomic<uint32_t> channels_{0};
    TraceFile file_;
};

}  // namespace

BDEVKIT_MODULE(Trace, .name = "trace", .version = "1.0.0",
               .description = "Records every I/O with its time and latency", .author = "bdevkit",
               .license = "BSD-3-Clause");
