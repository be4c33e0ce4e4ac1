// SPDX-License-Identifier: BSD-3-Clause
#include "cli/signal_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

#include "base/limit_text.hpp"
#include "base/start_thread.hpp"
#include "cli/command.hpp"
#include "cli/stop_signals.hpp"
#include "diag/pending_calls.hpp"
#include "loader/opening_watch.hpp"
#include "log/log.hpp"

namespace bdevkit::host {

namespace {

/// timeout(1) and other tools send the signal to the process and then to its group; that is one request, not
/// two.
constexpr std::chrono::milliseconds same_request{500};

/// The state while the main thread has not taken a stop.
constexpr int look_again_ms = 20;

[[noreturn]] void exit_now() {
    bdk::flush_log(bdk::time_for_last_words);
    _exit(exit_failure);
}

[[noreturn]] void give_up() {
    bdk::log_plain("bdevkit: asked to stop, but the host is busy: exiting without cleaning up");
    if (const std::string opening = OpeningWatch::describe(); !opening.empty())
        bdk::log_plain("bdevkit: " + opening);
    for (const std::string& call : bdk::describe_pending_calls())
        bdk::log_plain("bdevkit: " + call);
    exit_now();
}

int checked(int fd, const char* what) {
    if (fd < 0)
        throw std::system_error(errno, std::generic_category(),
                                std::string("no ") + what + " can be opened" + bdk::limit_text(errno));
    return fd;
}

}  // namespace

SignalWatch::SignalWatch() {
    hold_stop_signals();
    const sigset_t watched = stop_signals();
    signals_ = checked(signalfd(-1, &watched, SFD_CLOEXEC), "signalfd");
    end_ = checked(eventfd(0, EFD_CLOEXEC), "eventfd");
    thread_ = bdk::start_thread("the thread that waits for signals", [this] { watch(); });
}

SignalWatch::~SignalWatch() {
    const uint64_t one = 1;
    // The first write to an eventfd never fails.
    [[maybe_unused]] const ssize_t written = write(end_, &one, sizeof one);
    thread_.join();
    close(signals_);
    close(end_);
}

std::optional<SignalWatch::Event> SignalWatch::next() {
    const std::lock_guard lock(mutex_);
    if (events_.empty()) return std::nullopt;
    const Event event = events_.front();
    events_.pop_front();
    return event;
}

void SignalWatch::watch() {
    using Clock = std::chrono::steady_clock;
    std::optional<Clock::time_point> first_stop;
    while (true) {
        std::array<pollfd, 2> fds = {pollfd{signals_, POLLIN, 0}, pollfd{end_, POLLIN, 0}};
        const bool waits = first_stop && has_stop();
        if (waits && Clock::now() - *first_stop >= std::chrono::milliseconds(patience_ms_)) give_up();
        if (poll(fds.data(), fds.size(), waits ? look_again_ms : -1) <= 0) continue;
        if (fds[1].revents != 0) return;
        signalfd_siginfo info{};
        if (read(signals_, &info, sizeof info) != sizeof info) continue;
        if (info.ssi_signo == SIGUSR1) {
            push(Event::show_counters);
            continue;
        }
        if (first_stop) {
            if (Clock::now() - *first_stop < same_request) continue;
            bdk::log_plain("bdevkit: second signal while stopping, exiting at once");
            exit_now();
        }
        first_stop = Clock::now();
        push(Event::stop);
    }
}

void SignalWatch::push(Event event) {
    {
        const std::lock_guard lock(mutex_);
        events_.push_back(event);
    }
    changed_.notify_one();
}

bool SignalWatch::has_stop() {
    const std::lock_guard lock(mutex_);
    return std::find(events_.begin(), events_.end(), Event::stop) != events_.end();
}

SignalWatch::Event SignalWatch::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !events_.empty(); });
    const Event event = events_.front();
    events_.pop_front();
    return event;
}

}  // namespace bdevkit::host
