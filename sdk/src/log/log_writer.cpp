// SPDX-License-Identifier: BSD-3-Clause
#include "log/log_writer.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <string>

#include "log/no_memory.hpp"

#include "base/signals_blocked.hpp"
#include "log/log.hpp"

namespace bdk {
namespace {

constexpr std::chrono::milliseconds time_at_exit{500};

uint64_t seconds_now() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<uint64_t>(now.tv_sec);
}

/// Writes some of the bytes. @return how many bytes are done; bytes that cannot be written count as done
size_t write_some(const char* bytes, size_t count) {
    const ssize_t written = ::write(STDERR_FILENO, bytes, count);
    if (written >= 0) return static_cast<size_t>(written);
    if (errno == EINTR) return 0;
    if (errno != EAGAIN) return count;
    pollfd out{STDERR_FILENO, POLLOUT, 0};
    poll(&out, 1, -1);
    return 0;
}

void handle_crash(int signal) {
    LogWriter::instance().flush(time_for_last_words);
    // This handler has been removed, so the signal comes again and ends the process as it would have.
    raise(signal);
}

/// Installed only for signals without another handler.
void handle_crash_signal(int signal) {
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    if ((before.sa_flags & SA_SIGINFO) != 0 || before.sa_handler != SIG_DFL) return;
    struct sigaction action {};
    action.sa_handler = handle_crash;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
    sigaction(signal, &action, nullptr);
}

}  // namespace

LogWriter& LogWriter::instance() {
    // Never destroyed, because a module may log from a destructor that runs after main(). Allocates no
    // memory, because a line may be about a lack of memory.
    alignas(LogWriter) static std::byte storage[sizeof(LogWriter)];
    static auto* writer = new (storage) LogWriter;
    return *writer;
}

LogWriter::LogWriter() {
    sem_init(&work_, 0, 0);
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    std::atexit(at_exit);
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
        handle_crash_signal(signal);
}

bool LogWriter::admit(const LogLimit::Place& place) {
    const std::lock_guard lock(mutex_);
    return limit_.admit(place, seconds_now());
}

void LogWriter::write(std::string_view line) noexcept {
    bool waits = false;
    {
        const std::lock_guard lock(mutex_);
        if (!started_) start();
        put_locked(line);
        if (!started_) write_out();  // the process may have no more pthreads
        waits = exiting_;
    }
    wake();
    if (!waits || flush(time_at_exit)) return;
    const std::lock_guard lock(mutex_);
    exiting_ = false;  // nothing reads the log, and the process must end all the same
}

void LogWriter::start() noexcept {
    const SignalsBlocked blocked;
    const auto run_writer = [](void* self) -> void* { static_cast<LogWriter*>(self)->run(); };
    pthread_t pthread{};
    // If the pthread cannot be created, the next line tries again.
    started_ = pthread_create(&pthread, nullptr, run_writer, this) == 0;
    if (started_) pthread_detach(pthread);
}

size_t LogWriter::room_locked() const noexcept {
    return ring_bytes - (head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire));
}

void LogWriter::put_locked(std::string_view line) noexcept {
    tell_dropped_locked();
    if (line.size() + 1 > room_locked()) {
        ++dropped_;
        return;
    }
    copy_in(line);
    copy_in("\n");
}

void LogWriter::tell_dropped_locked() noexcept {
    char text[128];
    if (dropped_ == 0 || room_locked() < sizeof(text)) return;
    const int length = std::snprintf(text, sizeof(text),
                                     "bdevkit: %llu messages were dropped: nobody reads standard error\n",
                                     static_cast<unsigned long long>(dropped_));
    dropped_ = 0;
    copy_in({text, static_cast<size_t>(length)});
}

void LogWriter::copy_in(std::string_view text) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    const size_t at = head % ring_bytes;
    const size_t first = std::min(text.size(), ring_bytes - at);
    std::memcpy(ring_.data() + at, text.data(), first);
    std::memcpy(ring_.data(), text.data() + first, text.size() - first);
    head_.store(head + text.size(), std::memory_order_seq_cst);
}

void LogWriter::wake() noexcept {
    if (sleeping_.exchange(false, std::memory_order_seq_cst)) sem_post(&work_);
}

void LogWriter::run() {
    pthread_setname_np(pthread_self(), "bdk-log");
    while (true) {
        write_out();
        tell_held_before(seconds_now());
        // A thread that adds a line checks sleeping_ afterwards; the writer checks for lines after it has set
        // sleeping_.
        sleeping_.store(true, std::memory_order_seq_cst);
        if (head_.load(std::memory_order_seq_cst) != tail_.load(std::memory_order_relaxed)) {
            sleeping_.store(false, std::memory_order_relaxed);
            continue;
        }
        timespec until{};
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 1;
        sem_timedwait(&work_, &until);
    }
}

void LogWriter::write_out() {
    while (true) {
        const uint64_t tail = tail_.load(std::memory_order_relaxed);
        const uint64_t head = head_.load(std::memory_order_acquire);
        if (head == tail) return;
        const size_t at = tail % ring_bytes;
        const size_t done = write_some(ring_.data() + at, std::min<uint64_t>(head - tail, ring_bytes - at));
        tail_.store(tail + done, std::memory_order_release);
    }
}

void LogWriter::tell_held_before(uint64_t second) noexcept {
    const std::lock_guard lock(mutex_);
    tell_dropped_locked();
    or_enomem([&] {
        for (const std::string& line : limit_.take_held(second))
            put_locked("bdevkit: " + line);
        return 0;
    });  // without memory a count is not reported
}

void LogWriter::tell_held() noexcept {
    tell_held_before(UINT64_MAX);
    wake();
}

bool LogWriter::flush(std::chrono::milliseconds patience) noexcept {
    const int saved = errno;
    const uint64_t target = head_.load(std::memory_order_seq_cst);
    const auto written = [&] { return tail_.load(std::memory_order_acquire) >= target; };
    const auto deadline = std::chrono::steady_clock::now() + patience;
    wake();
    while (!written() && std::chrono::steady_clock::now() < deadline) {
        constexpr timespec moment{0, 200'000};
        nanosleep(&moment, nullptr);
    }
    errno = saved;
    return written();
}

void LogWriter::at_exit() {
    LogWriter& self = instance();
    {
        const std::lock_guard lock(self.mutex_);
        self.exiting_ = true;
    }
    self.tell_held();
    self.flush(time_at_exit);
}

void LogWriter::before_fork() {
    instance().mutex_.lock();
}

void LogWriter::after_fork_in_parent() {
    instance().mutex_.unlock();
}

/// The child has no writer until it logs; the parent writes the content of the ring.
void LogWriter::after_fork_in_child() {
    LogWriter& self = instance();
    self.started_ = false;
    self.sleeping_.store(false, std::memory_order_relaxed);
    self.tail_.store(self.head_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    sem_init(&self.work_, 0, 0);
    self.mutex_.unlock();
}

}  // namespace bdk
