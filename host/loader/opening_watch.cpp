// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "loader"
#include "loader/opening_watch.hpp"

#include <bdevkit/log.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <system_error>

namespace bdevkit::host {

namespace {

using Clock = std::chrono::steady_clock;

std::atomic<std::chrono::milliseconds> g_patience{std::chrono::milliseconds(10'000)};

struct Opening {
    std::filesystem::path file;
    Clock::time_point begin;
};

std::mutex g_mutex;
std::optional<Opening> g_opening;

/// The signals of a crash. An exception that leaves a constructor becomes SIGABRT.
constexpr std::array crash_signals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

std::array<struct sigaction, crash_signals.size()> g_former_actions;
/// Written before the handler is in place.
std::array<char, 4096 + 128> g_last_words;

/// In the handler of a signal: nothing but write() and sigaction().
void crashed(int signal) {
    [[maybe_unused]] const ssize_t written =
        write(STDERR_FILENO, g_last_words.data(), std::strlen(g_last_words.data()));
    for (size_t i = 0; i < crash_signals.size(); i++)
        if (crash_signals[i] == signal) sigaction(signal, &g_former_actions[i], nullptr);
    raise(signal);
}

void name_in_last_words(const std::filesystem::path& file) {
    std::snprintf(g_last_words.data(), g_last_words.size(),
                  "bdevkit: plugin %s: crashed while it was being opened: remove or fix it\n", file.c_str());
    struct sigaction action {};
    action.sa_handler = crashed;
    action.sa_flags = SA_NODEFER | SA_ONSTACK;
    for (size_t i = 0; i < crash_signals.size(); i++)
        sigaction(crash_signals[i], &action, &g_former_actions[i]);
}

/// Unless the plugin has set a handler of its own.
void forget_last_words() {
    for (size_t i = 0; i < crash_signals.size(); i++) {
        struct sigaction present {};
        sigaction(crash_signals[i], nullptr, &present);
        if (present.sa_handler == crashed) sigaction(crash_signals[i], &g_former_actions[i], nullptr);
    }
}

}  // namespace

OpeningWatch::OpeningWatch(const std::filesystem::path& file) {
    {
        const std::lock_guard lock(g_mutex);
        g_opening = Opening{file, Clock::now()};
    }
    name_in_last_words(file);
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        // Then the plugin is not watched.
    }
}

OpeningWatch::~OpeningWatch() {
    forget_last_words();
    {
        const std::scoped_lock lock(mutex_, g_mutex);
        over_ = true;
        g_opening.reset();
    }
    ended_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void OpeningWatch::set_patience(std::chrono::milliseconds patience) {
    g_patience = patience;
}

std::string OpeningWatch::describe() {
    const std::lock_guard lock(g_mutex);
    if (!g_opening) return {};
    const std::chrono::duration<double> so_far = Clock::now() - g_opening->begin;
    return fmt::format("plugin {}: its constructors have not returned for {:.1f} s: remove or fix it",
                       g_opening->file.native(), so_far.count());
}

void OpeningWatch::run() {
    std::unique_lock lock(mutex_);
    for (auto wait = g_patience.load(); !ended_.wait_for(lock, wait, [this] { return over_; }); wait *= 2)
        BDK_ERRLOG("%s", describe().c_str());
}

}  // namespace bdevkit::host
