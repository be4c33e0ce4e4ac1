// SPDX-License-Identifier: BSD-3-Clause
// Finds violations of rule 5: a message, poller or interrupt that holds its reactor.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "base/export.hpp"
#include "diag/processor_use.hpp"

namespace bdk {

class Reactor;

/// A separate pthread that checks the reactors four times within the limit. A call that holds a reactor for
/// longer is logged once, with its name, its plugin and a backtrace, and once more when it has returned. Time
/// in which the reactor was ready to run while other processes used its core does not count. The watchdog
/// also names walks over io_channels whose visit does not continue, and unregistrations that wait for
/// channels.
class Watchdog {
public:
    /// [not a bdk thread] Begins to watch the reactors of the ThreadRegistry. They must outlive the watchdog.
    explicit Watchdog(std::chrono::milliseconds limit);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

private:
    using Clock = std::chrono::steady_clock;

    /// The last observation of a reactor.
    struct Seen {
        uint64_t steps = 0;
        Clock::time_point since;          ///< when these steps were first observed
        std::optional<ProcessorUse> use;  ///< when these steps were last observed
        bool reported = false;
    };

    void run();
    void look_at(Reactor& reactor, Clock::time_point now);
    static Clock::duration held(const Seen& seen, const ProcessorUse& use, Clock::time_point now);

    const std::chrono::milliseconds limit_;
    std::unordered_map<Reactor*, Seen> seen_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread pthread_;
};

/// [any thread] The number of reports of the watchdog in this process.
BDK_INTERNAL uint64_t watchdog_report_count();

}  // namespace bdk
