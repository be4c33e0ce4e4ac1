// SPDX-License-Identifier: BSD-3-Clause
#include "perf/perf_run.hpp"

#include <bdevkit/bdev.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <numeric>

#include "perf/perf_job.hpp"
#include "perf/work_thread.hpp"
#include "runtime/runtime.hpp"

namespace bdevkit::host {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Counts the running jobs.
class Countdown {
public:
    explicit Countdown(size_t jobs) : left_(jobs) {}
    void one_ended() {
        const std::lock_guard lock(mutex_);
        --left_;
        changed_.notify_all();
    }
    /// Waits for at most `time`. @return true when no job is left
    bool wait_for(std::chrono::duration<double> time) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, time, [this] { return left_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    size_t left_;
};

class PerfRun {
public:
    explicit PerfRun(const PerfOptions& options) : options_(options) {}

    tl::expected<void, std::string> prepare(const std::vector<std::string>& bdevs,
                                            const std::vector<int64_t>& cores) {
        const auto jobs_per_bdev = static_cast<uint32_t>(cores.size());
        const auto all = static_cast<uint32_t>(bdevs.size() * cores.size());
        for (uint32_t i = 0; i < jobs_per_bdev; ++i) {
            threads_.push_back(std::make_unique<WorkThread>(cores[i]));
            if (!threads_.back()->exists())
                return tl::unexpected(fmt::format("no reactor runs on core {}", cores[i]));
            for (const std::string& bdev : bdevs)
                jobs_.push_back(
                    {std::make_unique<PerfJob>(options_, PerfShare{bdev, i, jobs_per_bdev,
                                                                   static_cast<uint32_t>(jobs_.size()), all}),
                     threads_.back().get()});
        }
        tl::expected<void, std::string> opened;
        for (const Job& job : jobs_)
            if (opened) job.thread->run([&] { opened = job.job->open(); });
        if (!opened)
            for (const Job& job : jobs_)
                job.thread->run([&] { job.job->stop(); });
        return opened;
    }

    PerfReport run(const PerfProgress& progress) {
        Countdown running(jobs_.size());
        const double cpu_before = process_cpu_seconds();
        const Clock::time_point begin = Clock::now();
        for (const Job& job : jobs_)
            send(job.thread->get(), [&job, &running] { job.job->go([&running] { running.one_ended(); }); });
        const bool interrupted = !wait(running, begin, progress);
        const double cpu = process_cpu_seconds() - cpu_before;
        for (const Job& job : jobs_)
            send(job.thread->get(), [&job] {
                if (job.job->running()) job.job->stop();
            });
        running.wait_for(std::chrono::hours(24));
        // The last job has reported its end from inside a call; wait for that call to return.
        for (const auto& thread : threads_)
            thread->run([] {});
        PerfReport report = add_up();
        report.cpu_seconds = cpu;
        report.interrupted = interrupted;
        return report;
    }

private:
    struct Job {
        std::unique_ptr<PerfJob> job;
        WorkThread* thread;
    };

    uint64_t ios() const {
        return std::accumulate(jobs_.begin(), jobs_.end(), uint64_t{0},
                               [](uint64_t sum, const Job& job) { return sum + job.job->ios(); });
    }

    /// Waits until the time is up or the jobs have ended. False if `progress` ended the run before.
    bool wait(Countdown& running, Clock::time_point begin, const PerfProgress& progress) const {
        const double time = static_cast<double>(options_.time_ns) / 1e9;
        for (;;) {
            const double so_far = seconds_since(begin);
            const double left = options_.time_ns != 0 ? time - so_far : 1.0;
            if (left <= 0 || running.wait_for(std::chrono::duration<double>(std::min(left, 0.1))))
                return true;
            if (!progress(seconds_since(begin), ios())) return false;
        }
    }

    PerfReport add_up() const {
        PerfReport report;
        for (const Job& job : jobs_) {
            const PerfJobResult& result = job.job->result();
            const double seconds =
                static_cast<double>(result.ticks) / static_cast<double>(bdk_get_ticks_hz());
            const double iops = seconds > 0 ? static_cast<double>(result.ios) / seconds : 0;
            report.jobs.push_back({job.job->share().bdev, job.thread->core(), result.ios, iops});
            report.ios += result.ios;
            report.bytes += result.bytes;
            report.errors += result.errors;
            if (report.first_error.empty()) report.first_error = result.first_error;
            report.seconds = std::max(report.seconds, seconds);
            report.iops += iops;
            if (seconds > 0)
                report.mib_per_second += static_cast<double>(result.bytes) / (1024 * 1024) / seconds;
            report.latency.merge(result.latency);
            report.sampled |= result.sampled;
        }
        return report;
    }

    const PerfOptions& options_;
    std::vector<std::unique_ptr<WorkThread>> threads_;
    std::vector<Job> jobs_;  // before the threads, since a job's memory may be freed on any thread
};

}  // namespace

double PerfReport::cycles_per_io() const {
    if (ios == 0) return 0;
    return cpu_seconds * static_cast<double>(bdk_get_ticks_hz()) / static_cast<double>(ios);
}

uint64_t perf_ios_of_range(const PerfOptions& options, const std::string& name) {
    uint64_t size = 0;
    bdk::call_on_app_thread([&] {
        const bdk_bdev* bdev = bdk_bdev_get_by_name(name.c_str());
        if (bdev != nullptr) size = bdk_bdev_get_num_blocks(bdev) * bdk_bdev_get_block_size(bdev);
    });
    const uint64_t rest = size > options.offset ? size - options.offset : 0;
    const uint64_t length = options.length != 0 ? std::min(options.length, rest) : rest;
    return std::max<uint64_t>(length / options.io_size, 1);
}

tl::expected<PerfReport, std::string> run_perf(const PerfOptions& options, std::vector<std::string> bdevs,
                                               const std::vector<uint32_t>& cores,
                                               const PerfProgress& progress) {
    if (bdevs.empty()) bdevs.emplace_back();
    std::vector<int64_t> places(cores.begin(), cores.end());
    if (places.empty()) places.push_back(-1);
    PerfRun run(options);
    return run.prepare(bdevs, places).map([&] { return run.run(progress); });
}

}  // namespace bdevkit::host
