// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace bdevkit::host {

/// Lives while a plugin is being opened. To open a file runs its constructors, and one that does not return
/// holds the main thread: the watch names the file in the log once the time is up, and again each time that
/// it has taken twice as long.
class OpeningWatch {
public:
    /// [main thread]
    explicit OpeningWatch(const std::filesystem::path& file);
    ~OpeningWatch();
    OpeningWatch(const OpeningWatch&) = delete;
    OpeningWatch& operator=(const OpeningWatch&) = delete;

    /// [main thread] How long opening a file may take; 10 s until it is set.
    static void set_patience(std::chrono::milliseconds patience);

    /// [any thread] What the log says of the file that is being opened; empty: none is.
    static std::string describe();

private:
    void run();

    std::mutex mutex_;
    std::condition_variable ended_;
    bool over_ = false;
    std::thread thread_;
};

}  // namespace bdevkit::host
