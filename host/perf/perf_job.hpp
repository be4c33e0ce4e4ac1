// SPDX-License-Identifier: BSD-3-Clause
// One job of `bdevkit perf`: keeps `depth` I/Os in flight at one bdev, from one thread.
//
// A job without a bdev does the same against a built-in device that completes everything in the next turn.
// The cost of that is the tool's share of every figure that it prints.
#pragma once

#include <bdevkit/bdev.h>
#include <bdevkit/desc.h>
#include <bdevkit/poller.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/latency_histogram.hpp"
#include "perf/perf_offsets.hpp"
#include "perf/perf_options.hpp"

namespace bdevkit::host {

/// The share of the work that one job does.
struct PerfShare {
    std::string bdev;  ///< empty: the built-in device
    uint32_t index;    ///< index among the jobs on the same bdev
    uint32_t jobs;     ///< how many these are
    uint32_t number;   ///< index among the jobs on all bdevs
    uint32_t all_jobs;
};

struct PerfJobResult {
    uint64_t ios = 0;  ///< I/Os completed successfully until the time was up
    uint64_t bytes = 0;
    uint64_t errors = 0;
    std::string first_error;
    uint64_t ticks = 0;             ///< from the first submission to the end of the measurement
    uint64_t late = 0;              ///< I/Os completed successfully after that
    bdk::LatencyHistogram latency;  ///< ticks
    bool sampled = false;           ///< `latency` has only a part of the I/Os
};

class PerfJob {
public:
    /// @param options outlives the job
    PerfJob(const PerfOptions& options, PerfShare share);
    ~PerfJob();
    PerfJob(const PerfJob&) = delete;
    PerfJob& operator=(const PerfJob&) = delete;

    /// [job's thread] Opens the bdev. The error is one line.
    tl::expected<void, std::string> open();

    /// [job's thread] Starts the I/O; on_end() runs once on this thread when all I/O has completed and the
    /// bdev is closed.
    void go(std::function<void()> on_end);

    /// [job's thread] Starts no more I/O; the measurement ends here. If the job was never started, closes the
    /// bdev.
    void stop();

    /// [job's thread] From go() to on_end.
    bool running() const noexcept { return running_; }

    /// [any thread] I/Os completed successfully so far.
    uint64_t ios() const noexcept { return ios_.load(std::memory_order_relaxed); }

    /// [any thread, after on_end]
    const PerfJobResult& result() const noexcept { return result_; }
    const PerfShare& share() const noexcept { return share_; }

private:
    struct Slot;

    /// The fixed operation of a job in which all I/Os are alike.
    enum class Plain : uint8_t { no, read, write, instant };

    tl::expected<void, std::string> plan(const bdk_bdev* bdev);
    tl::expected<void, std::string> make_slots(size_t alignment);
    tl::expected<void, std::string> check_types(const bdk_bdev* bdev) const;
    Plain plain_kind() const;
    void close();
    void end_if_idle();

    void issue(Slot& slot);
    void resubmit(Slot& slot);
    void go_on(Slot& slot);
    int submit(Slot& slot);
    int submit_plain(Slot& slot);
    int submit_instantly(Slot& slot);
    int submit_read_or_write(Slot& slot, bool read);
    int submit_pair(Slot& slot);
    static void completed(bdk_bdev_io* io, bool success, void* slot);
    void finish(Slot& slot, bool success, bdk_bdev_io* io);
    void note_latency(const Slot& slot);
    bool check_pair(Slot& slot);
    void refused(Slot& slot, int rc);
    void note_error(const std::string& what);

    void keep_house();
    void release_paced();
    bool complete_instantly();

    const PerfOptions& options_;
    const PerfShare share_;
    PerfJobResult result_;
    std::function<void()> on_end_;

    bdk_bdev_desc* desc_ = nullptr;
    bdk_io_channel* ch_ = nullptr;
    uint64_t io_blocks_ = 1;       ///< blocks per I/O
    uint64_t first_block_ = 0;     ///< first block of the range
    uint64_t range_slots_ = 0;     ///< I/Os that fit the range
    uint64_t limit_ = UINT64_MAX;  ///< I/Os to issue; set to the issued number when the job stops
    uint64_t issued_ = 0;
    uint64_t outstanding_ = 0;
    uint64_t time_mask_ = 0;  ///< an I/O is timed if its number has none of these bits
    uint64_t begin_ = 0;      ///< ticks
    Plain plain_ = Plain::no;
    bool stopping_ = false;
    bool running_ = false;
    std::atomic<uint64_t> ios_{0};

    void* memory_ = nullptr;
    std::vector<Slot> slots_;
    std::unique_ptr<PerfOffsets> offsets_;

    bdk_poller* housekeeping_ = nullptr;
    uint64_t ios_at_last_look_ = 0;
    double pace_per_tick_ = 0;  ///< I/Os allowed so far, if there is a rate
    std::vector<Slot*> paced_;  ///< slots that wait for their time

    bdk_poller* instant_ = nullptr;
    std::vector<Slot*> instant_queue_, instant_batch_;
};

}  // namespace bdevkit::host
