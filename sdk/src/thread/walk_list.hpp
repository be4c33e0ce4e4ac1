// SPDX-License-Identifier: BSD-3-Clause
// The bdk_for_each_channel() walks under way, for the watchdog.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct bdk_io_channel_iter;

namespace bdk {

/// [any thread]
class WalkList {
public:
    static WalkList& instance();

    /// A visit on `thread_name` begins. It is not watched if memory runs out.
    void visiting(const bdk_io_channel_iter* iter, std::string_view device_name,
                  std::string_view thread_name) noexcept;
    /// The visit has ended.
    void went_on(const bdk_io_channel_iter* iter);

    /// One line for every visit that has lasted `limit`; each visit once.
    std::vector<std::string> stuck(std::chrono::milliseconds limit);

private:
    using Clock = std::chrono::steady_clock;
    struct Visit {
        std::string device;
        std::string thread;
        Clock::time_point since;
        bool reported = false;
    };

    WalkList() = default;

    std::mutex mutex_;
    std::unordered_map<const bdk_io_channel_iter*, Visit> visits_;
};

}  // namespace bdk
