// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace bdevkit::host {

/// Exists while a plugin is being opened. Opening a file runs its constructors, and a constructor that does
/// not return holds the main thread. So the watch names the file in the log once the time is up, and again
/// whenever the time has doubled. A constructor that crashes ends the process: the watch's last words name
/// the file.
class OpeningWatch {
public:
    /// [main thread]
    explicit OpeningWatch(const std::filesystem::path& file);
    ~OpeningWatch();
    OpeningWatch(const OpeningWatch&) = delete;
    OpeningWatch& operator=(const OpeningWatch&) = delete;

    /// [main thread] How long opening a file may take. Default 10 s.
    static void set_patience(std::chrono::milliseconds patience);

    /// [any thread] The log's text about the file that is being opened; empty: none.
    static std::string describe();

private:
    void run();

    std::mutex mutex_;
    std::condition_variable ended_;
    bool over_ = false;
    std::thread thread_;
};

}  // namespace bdevkit::host
