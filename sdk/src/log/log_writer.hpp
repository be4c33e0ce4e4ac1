// SPDX-License-Identifier: BSD-3-Clause
// Standard error, written by a pthread of its own.
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

/// Whoever logs puts a line into a ring and goes on. The writer takes the bytes out and writes them, and it
/// alone waits when nobody reads. A line that finds no room is dropped and counted; the count is told as soon
/// as there is room again. Before the process ends on purpose, flush() gives the writer a little time; so
/// does a handler of the signals by which a process crashes.
class LogWriter {
public:
    static LogWriter& instance();

    /// [any thread] False when the place has written enough in this second.
    bool admit(const LogLimit::Place& place);

    /// [any thread] Puts a line, without its end, into the ring.
    void write(std::string_view line) noexcept;

    /// [any thread, signal handler] Waits until what is in the ring has been written, and returns false when
    /// that takes longer than `patience`.
    bool flush(std::chrono::milliseconds patience) noexcept;

    /// [any thread] Tells what was held back, whatever the second.
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
    bool exiting_ = false;  ///< the process ends: each line is waited for a little

    std::array<char, ring_bytes> ring_;
    std::atomic<uint64_t> head_{0};  ///< bytes put in so far
    std::atomic<uint64_t> tail_{0};  ///< bytes written so far
    std::atomic<bool> sleeping_{false};
    sem_t work_;
};

}  // namespace bdk
