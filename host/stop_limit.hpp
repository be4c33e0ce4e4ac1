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

/// Watches the end of a host, from a thread of its own. The end gets on while calls into modules end, or
/// while the I/O that is left is younger than the limit. When it has not got on for the limit, the watch says
/// what the host waits for, once: what to do then is the program's to decide.
class StopLimit {
public:
    using Clock = std::chrono::steady_clock;
    /// [watch's thread] One line for each thing that is waited for.
    using Stuck = std::function<void(const std::vector<std::string>& waits)>;

    /// @param limit  0: no limit
    StopLimit(std::chrono::milliseconds limit, Stuck stuck);
    ~StopLimit();
    StopLimit(const StopLimit&) = delete;
    StopLimit& operator=(const StopLimit&) = delete;

    /// [not a bdk thread] The bdevs are gone, and the reactors are about to go: they are not asked any more.
    void bdevs_are_gone();

private:
    void watch();
    bool gets_on(Clock::time_point now);
    std::vector<std::string> look();

    const std::chrono::milliseconds limit_;
    const Stuck stuck_;
    uint64_t calls_ended_ = 0;
    Clock::time_point got_on_;

    std::mutex mutex_;  ///< guards what follows; held while the reactors are asked
    std::condition_variable changed_;
    bool ended_ = false;
    bool asks_ = true;
    std::thread thread_;
};

}  // namespace bdevkit::host
