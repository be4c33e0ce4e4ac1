// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace bdevkit::host {

/// Turns signals into events for the main thread. Construct it before any other thread, so that all threads
/// inherit the blocked signals. A SIGTERM or SIGINT that comes half a second or more after the first ends the
/// process at once, whatever the main thread is doing. The first signal also ends the process if the main
/// thread has not taken it within its time limit, because the thread hangs in a module; the pending call is
/// named.
class SignalWatch {
public:
    enum class Event {
        stop,           ///< SIGTERM, SIGINT or SIGHUP
        show_counters,  ///< SIGUSR1
    };

    SignalWatch();
    ~SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

    /// [any thread] How long the main thread may take to react to a stop.
    void set_patience(std::chrono::milliseconds patience) { patience_ms_ = patience.count(); }

    /// [main thread] Waits for the next event.
    Event wait();

    /// [main thread] The next event, if one is pending.
    std::optional<Event> next();

private:
    void watch();
    void push(Event event);
    bool has_stop();

    std::atomic<int64_t> patience_ms_{10'000};
    int signals_ = -1;  ///< signalfd
    int end_ = -1;      ///< eventfd: the watch is over
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Event> events_;
    std::thread thread_;
};

}  // namespace bdevkit::host
