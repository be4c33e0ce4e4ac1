// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace bdevkit::host {

/// Turns signals into events for the main thread. Made before any other thread, so that all of them inherit
/// the blocked signals. A SIGTERM or SIGINT that comes half a second or more after the first ends the process
/// at once, whatever the main thread is doing.
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

    /// [main thread] Waits for the next event.
    Event wait();

    /// [main thread] The next event, if there is one already.
    std::optional<Event> next();

private:
    void watch();
    void push(Event event);

    int signals_ = -1;  ///< signalfd
    int end_ = -1;      ///< eventfd: the watch is over
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Event> events_;
    std::thread thread_;
};

}  // namespace bdevkit::host
