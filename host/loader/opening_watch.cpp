// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "loader"
#include "loader/opening_watch.hpp"

#include <bdevkit/log.h>
#include <spdlog/fmt/fmt.h>

#include <atomic>
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

}  // namespace

OpeningWatch::OpeningWatch(const std::filesystem::path& file) {
    {
        const std::lock_guard lock(g_mutex);
        g_opening = Opening{file, Clock::now()};
    }
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        // Then the plugin is not watched.
    }
}

OpeningWatch::~OpeningWatch() {
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
