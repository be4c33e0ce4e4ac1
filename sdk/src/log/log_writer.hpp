// SPDX-License-Identifier: BSD-3-Clause
// Writes to standard error from a separate pthread.
#pragma once

#include <semaphore.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "log/log_limit.hpp"

namespace bdk {

/// A thread that logs puts a line into a ring and continues. The writer takes the bytes out and writes them,
/// so only the writer waits if standard error is not read. A line that does not fit into the ring is dropped
/// and counted; the count is reported as soon as there is room again. Before the process exits, flush() gives
/// the writer a little time; so does a handler of the signals of a crash.
class LogWriter {
public:
    static LogWriter& instance();

    /// [any thread] False when the place has reached its limit in this second.
    bool admit(const LogLimit::Place& place);

    /// [any thread] Puts a line, without its end, into the ring.
    void write(std::string_view line) noexcept;

    /// [any thread, signal handler] Waits until the content of the ring has been written, and returns false
    /// when that takes longer than `patience`.
    bool flush(std::chrono::milliseconds patience) noexcept;

    /// [any thread] Reports all suppressed messages, even in the current second.
    void tell_held() noexcept;

private:
    static constexpr size_t ring_bytes = size_t{1} << 20;

    LogWriter();

    void start() noexcept;
    [[noreturn]] void run();
    void write_out();
    void tell_held_before(uint64_t second) noexcept;
    size_t room_locked() const noexcept;
    void put_locked(std::string_view line) noexcept;
    void tell_dropped_locked() noexcept;
    void copy_in(std::string_view text) noexcept;
    void wake() noexcept;

    static void before_fork();
    static void after_fork_in_parent();
    static void after_fork_in_child();
    static void at_exit();

    std::mutex mutex_;  ///< guards what follows; held for the time of a copy
    LogLimit limit_;
    uint64_t dropped_ = 0;
    bool started_ = false;
    bool exiting_ = false;  ///< the process is exiting: wait a little for each line

    std::array<char, ring_bytes> ring_;
    std::atomic<uint64_t> head_{0};  ///< bytes added so far
    std::atomic<uint64_t> tail_{0};  ///< bytes written so far
    std::atomic<bool> sleeping_{false};
    sem_t work_;
};

}  // namespace bdk
