// SPDX-License-Identifier: BSD-3-Clause
#include "perf/replay.hpp"

#include <bdevkit/bdev.h>
#include <bdevkit/desc.h>
#include <bdevkit/memory.h>
#include <bdevkit/poller.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <system_error>
#include <utility>

#include "perf/work_thread.hpp"

namespace bdevkit::host {

namespace {

constexpr uint64_t longest_io = 64ull << 20;

/// The type to submit for a record; BDK_BDEV_IO_TYPE_INVALID: none.
uint32_t replayed_type(const bdk_trace_record& record) {
    switch (record.type) {
        case BDK_BDEV_IO_TYPE_READ:
        case BDK_BDEV_IO_TYPE_WRITE:
        case BDK_BDEV_IO_TYPE_UNMAP:
        case BDK_BDEV_IO_TYPE_FLUSH:
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
        case BDK_BDEV_IO_TYPE_RESET:
            return record.type;
        case BDK_BDEV_IO_TYPE_COMPARE:
            return BDK_BDEV_IO_TYPE_READ;
        case BDK_BDEV_IO_TYPE_ZCOPY: {
            const bool start = (record.flags & BDK_BDEV_IO_ZCOPY_START) != 0;
            if (start && (record.flags & BDK_BDEV_IO_ZCOPY_POPULATE) != 0) return BDK_BDEV_IO_TYPE_READ;
            if (!start && (record.flags & BDK_BDEV_IO_ZCOPY_COMMIT) != 0) return BDK_BDEV_IO_TYPE_WRITE;
            return BDK_BDEV_IO_TYPE_INVALID;
        }
        default:
            return BDK_BDEV_IO_TYPE_INVALID;
    }
}

bool changes_data(uint32_t type) {
    return type == BDK_BDEV_IO_TYPE_WRITE || type == BDK_BDEV_IO_TYPE_UNMAP ||
           type == BDK_BDEV_IO_TYPE_WRITE_ZEROES;
}

/// The I/O of a replay. Everything but the constructor, `ios` and the report runs on one bdk_thread.
class Replay {
public:
    Replay(const TraceContent& trace, const ReplayOptions& options) : trace_(trace), options_(options) {}
    ~Replay() { bdk_dma_free(memory_); }
    Replay(const Replay&) = delete;
    Replay& operator=(const Replay&) = delete;

    tl::expected<void, std::string> open(const std::string& name) {
        const auto& records = trace_.records;
        const bool writes = std::any_of(records.begin(), records.end(), [](const bdk_trace_record& record) {
            return changes_data(replayed_type(record));
        });
        const auto on_event = [](uint32_t type, bdk_bdev*, void* self) {
            if (type == BDK_BDEV_EVENT_REMOVE) static_cast<Replay*>(self)->fail("the bdev was removed");
        };
        const int rc = bdk_bdev_open(name.c_str(), writes ? BDK_BDEV_OPEN_WRITE : 0, on_event, this, &desc_);
        if (rc != 0)
            return tl::unexpected(fmt::format("bdev '{}': {}", name, std::generic_category().message(-rc)));
        return check_records().and_then([&] { return prepare(); });
    }

    void go(std::function<void()> on_end) {
        on_end_ = std::move(on_end);
        begin_ = bdk_get_ticks();
        poller_ = bdk_poller_register(
            [](void* self) { return static_cast<Replay*>(self)->pump() ? BDK_POLLER_BUSY : BDK_POLLER_IDLE; },
            this, 0, "replay");
    }

    /// Stops submitting.
    void stop() { next_ = trace_.records.size(); }

    void close() {
        bdk_poller_unregister(&poller_);
        if (ch_ != nullptr) bdk_put_io_channel(std::exchange(ch_, nullptr));
        if (desc_ != nullptr) bdk_bdev_close(std::exchange(desc_, nullptr));
    }

    uint64_t ios() const noexcept { return ios_.load(std::memory_order_relaxed); }

    ReplayReport report() const {
        ReplayReport report;
        PerfReport& perf = report.perf;
        perf.ios = ios();
        perf.bytes = bytes_;
        perf.errors = errors_;
        perf.first_error = first_error_;
        perf.seconds = static_cast<double>(end_ - begin_) / static_cast<double>(bdk_get_ticks_hz());
        perf.iops = perf.seconds > 0 ? static_cast<double>(perf.ios) / perf.seconds : 0;
        perf.mib_per_second = perf.seconds > 0 ? static_cast<double>(bytes_) / (1 << 20) / perf.seconds : 0;
        perf.latency = latency_;
        report.skipped = skipped_;
        report.late_ns = static_cast<uint64_t>(static_cast<double>(late_ticks_) * ns_per_tick());
        return report;
    }

private:
    struct Flight {
        Replay* replay;
        uint64_t start;
        uint64_t bytes;
        iovec iov;  ///< stays until the I/O has ended
    };

    static double ns_per_tick() { return 1e9 / static_cast<double>(bdk_get_ticks_hz()); }

    /// Checks that everything fits the bdev, so that a replay does not fail half-way.
    tl::expected<void, std::string> check_records() {
        const bdk_bdev* bdev = bdk_bdev_desc_get_bdev(desc_);
        const uint64_t block = bdk_bdev_desc_get_block_size(desc_), traced = trace_.header.block_size;
        const uint64_t size = bdk_bdev_get_num_blocks(bdev) * block;
        for (const bdk_trace_record& record : trace_.records) {
            const uint32_t type = replayed_type(record);
            if (type == BDK_BDEV_IO_TYPE_INVALID) continue;
            if (!bdk_bdev_io_type_supported(bdev, type))
                return tl::unexpected(fmt::format("bdev '{}' does not support {}, which the trace contains",
                                                  bdk_bdev_get_name(bdev), bdk_bdev_io_type_name(type)));
            const uint64_t offset = record.offset_blocks * traced, length = record.num_blocks * traced;
            if (offset % block != 0 || length % block != 0)
                return tl::unexpected(fmt::format(
                    "the trace has {} bytes at {}, which are not whole blocks of {} bytes of '{}'", length,
                    offset, block, bdk_bdev_get_name(bdev)));
            if (offset > size || length > size - offset)
                return tl::unexpected(fmt::format("the trace goes up to byte {}, '{}' has {}",
                                                  offset + length, bdk_bdev_get_name(bdev), size));
            const bool has_data = type == BDK_BDEV_IO_TYPE_READ || type == BDK_BDEV_IO_TYPE_WRITE;
            if (has_data) longest_ = std::max(longest_, length);
        }
        if (longest_ > longest_io)
            return tl::unexpected(fmt::format("the trace has an I/O of {} bytes; at most {} can be replayed",
                                              longest_, longest_io));
        return {};
    }

    /// One buffer for all reads and one for all writes, since their data do not matter.
    tl::expected<void, std::string> prepare() {
        memory_ =
            static_cast<std::byte*>(bdk_dma_zmalloc(2 * std::max<uint64_t>(longest_, 1), 4096, BDK_NUMA_ANY));
        if (memory_ == nullptr)
            return tl::unexpected(fmt::format("no memory for buffers of {} bytes", longest_));
        uint64_t word = 1;
        for (uint64_t at = longest_; at + sizeof(word) <= 2 * longest_; at += sizeof(word)) {
            word = word * 6364136223846793005u + 1442695040888963407u;
            std::memcpy(memory_ + at, &word, sizeof(word));
        }
        ch_ = bdk_bdev_get_io_channel(desc_);
        if (ch_ == nullptr) return tl::unexpected(std::string("the bdev gives no channel: see the log"));
        return {};
    }

    /// Submits the I/O that is due. It also ends the replay, so that no completion has to delete its own job.
    bool pump() {
        bool submitted = false;
        while (next_ < trace_.records.size() && may_submit(trace_.records[next_])) {
            const int rc = submit(trace_.records[next_]);
            if (rc == -ENOMEM) break;  // again in the next turn
            if (rc != 0) fail(fmt::format("submission: {}", std::generic_category().message(-rc)));
            next_ += next_ < trace_.records.size();
            submitted = true;
        }
        if (next_ == trace_.records.size() && in_flight_ == 0) {
            end_ = bdk_get_ticks();
            close();
            on_end_();
            return true;
        }
        return submitted;
    }

    bool may_submit(const bdk_trace_record& record) {
        if (!options_.original_speed) return in_flight_ < options_.depth;
        const uint64_t since_first = record.submit_ns - trace_.records.front().submit_ns;
        const auto due = static_cast<uint64_t>(static_cast<double>(since_first) / ns_per_tick());
        const uint64_t now = bdk_get_ticks() - begin_;
        if (now < due) return false;
        late_ticks_ = std::max(late_ticks_, now - due);
        return true;
    }

    int submit(const bdk_trace_record& record) {
        const uint32_t type = replayed_type(record);
        if (type == BDK_BDEV_IO_TYPE_INVALID) {
            ++skipped_;
            return 0;
        }
        const uint64_t traced = trace_.header.block_size, block = bdk_bdev_desc_get_block_size(desc_);
        const uint64_t offset = record.offset_blocks * traced / block,
                       count = record.num_blocks * traced / block;
        Flight* flight = new_flight();
        flight->bytes = count * block;
        bdk_bdev_io_opts opts{};
        opts.size = sizeof(opts);
        opts.flags = record.flags & (BDK_BDEV_IO_FUA | BDK_BDEV_IO_NO_UNMAP);
        flight->iov = {memory_ + (type == BDK_BDEV_IO_TYPE_WRITE ? longest_ : 0), flight->bytes};
        const int rc = start(type, offset, count, opts, flight);
        if (rc == 0)
            ++in_flight_;
        else
            free_.push_back(flight);
        return rc;
    }

    int start(uint32_t type, uint64_t offset, uint64_t count, const bdk_bdev_io_opts& opts, Flight* flight) {
        switch (type) {
            case BDK_BDEV_IO_TYPE_READ:
                return bdk_bdev_read_blocks(desc_, ch_, flight->iov.iov_base, offset, count, nullptr,
                                            completed, flight);
            case BDK_BDEV_IO_TYPE_WRITE:
                return bdk_bdev_writev_blocks(desc_, ch_, &flight->iov, 1, offset, count, &opts, completed,
                                              flight);
            case BDK_BDEV_IO_TYPE_UNMAP:
                return bdk_bdev_unmap_blocks(desc_, ch_, offset, count, nullptr, completed, flight);
            case BDK_BDEV_IO_TYPE_FLUSH:
                return bdk_bdev_flush_blocks(desc_, ch_, offset, count, nullptr, completed, flight);
            case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
                return bdk_bdev_write_zeroes_blocks(desc_, ch_, offset, count, &opts, completed, flight);
            default:
                return bdk_bdev_reset(desc_, ch_, nullptr, completed, flight);
        }
    }

    Flight* new_flight() {
        if (free_.empty()) free_.push_back(&flights_.emplace_back());
        Flight* flight = free_.back();
        free_.pop_back();
        flight->replay = this;
        flight->start = bdk_get_ticks();
        return flight;
    }

    static void completed(bdk_bdev_io* io, bool success, void* arg) {
        auto* flight = static_cast<Flight*>(arg);
        Replay& self = *flight->replay;
        self.latency_.add(bdk_get_ticks() - flight->start);
        --self.in_flight_;
        self.free_.push_back(flight);
        if (success) {
            self.ios_.store(self.ios() + 1, std::memory_order_relaxed);
            const bool moves = io->type == BDK_BDEV_IO_TYPE_READ || io->type == BDK_BDEV_IO_TYPE_WRITE;
            self.bytes_ += moves ? flight->bytes : 0;
        } else {
            self.fail(fmt::format("{}: {}", bdk_bdev_io_type_name(io->type),
                                  bdk_bdev_io_status_name(bdk_bdev_io_get_status(io))));
        }
        bdk_bdev_free_io(io);
    }

    void fail(const std::string& what) {
        if (errors_++ == 0) first_error_ = what;
        if (!options_.keep_going) stop();
    }

    const TraceContent& trace_;
    const ReplayOptions& options_;
    std::function<void()> on_end_;
    bdk_bdev_desc* desc_ = nullptr;
    bdk_io_channel* ch_ = nullptr;
    bdk_poller* poller_ = nullptr;
    std::byte* memory_ = nullptr;
    uint64_t longest_ = 0;  ///< bytes of the longest read or write

    size_t next_ = 0;  ///< record to submit
    uint64_t in_flight_ = 0;
    uint64_t begin_ = 0, end_ = 0, late_ticks_ = 0;
    std::deque<Flight> flights_;
    std::vector<Flight*> free_;
    std::atomic<uint64_t> ios_{0};
    uint64_t bytes_ = 0, errors_ = 0, skipped_ = 0;
    std::string first_error_;
    bdk::LatencyHistogram latency_;
};

}  // namespace

tl::expected<ReplayReport, std::string> run_replay(const TraceContent& trace, const ReplayOptions& options,
                                                   const std::string& bdev, int64_t core,
                                                   const PerfProgress& progress) {
    const WorkThread thread(core);
    if (!thread.exists()) return tl::unexpected(fmt::format("no reactor runs on core {}", core));
    Replay replay(trace, options);
    tl::expected<void, std::string> opened;
    thread.run([&] {
        opened = replay.open(bdev);
        if (!opened) replay.close();
    });
    if (!opened) return tl::unexpected(opened.error());

    std::promise<void> ended;
    const std::future<void> end = ended.get_future();
    const double cpu_before = process_cpu_seconds();
    const auto begin = std::chrono::steady_clock::now();
    bool interrupted = false;
    send(thread.get(), [&] { replay.go([&ended] { ended.set_value(); }); });
    while (end.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) {
        const std::chrono::duration<double> so_far = std::chrono::steady_clock::now() - begin;
        if (interrupted || progress(so_far.count(), replay.ios())) continue;
        interrupted = true;
        send(thread.get(), [&replay] { replay.stop(); });
    }
    thread.run([] {});  // the replay has reported its end from inside a call; wait for that call to return
    ReplayReport report = replay.report();
    report.perf.cpu_seconds = process_cpu_seconds() - cpu_before;
    report.perf.interrupted = interrupted;
    report.perf.jobs.push_back({bdev, core, report.perf.ios, report.perf.iops});
    return report;
}

}  // namespace bdevkit::host
