// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bdevkit::host {

/// Watches a stopping host from its own thread. The stop makes progress while calls into modules end, or
/// while the remaining I/O is younger than the limit. If it makes no progress for the limit, the watch
/// reports once what the host waits for; the program decides what to do.
class StopLimit {
public:
    using Clock = std::chrono::steady_clock;
    /// [watch's thread] One line for each I/O or call that the host waits for.
    using Stuck = std::function<void(const std::vector<std::string>& waits)>;

    /// @param limit  0: no limit
    StopLimit(std::chrono::milliseconds limit, Stuck stuck);
    ~StopLimit();
    StopLimit(const StopLimit&) = delete;
    StopLimit& operator=(const StopLimit&) = delete;

    /// [not a bdk thread] The bdevs are gone, and the reactors are about to stop: from now on the watch does
    /// not query them.
    void bdevs_are_gone();

private:
    void watch();
    bool gets_on(Clock::time_point now);
    std::vector<std::string> look();

    const std::chrono::milliseconds limit_;
    const Stuck stuck_;
    uint64_t calls_ended_ = 0;
    Clock::time_point got_on_;

    std::mutex mutex_;  ///< guards what follows; held while the reactors are queried
    std::condition_variable changed_;
    bool ended_ = false;
    bool asks_ = true;
    std::thread thread_;
};

}  // namespace bdevkit::host
