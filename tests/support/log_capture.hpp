// SPDX-License-Identifier: BSD-3-Clause
// Keeps the log's lines while it lives.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "log/log.hpp"

namespace bdk::test {

/// One at a time in a process.
class LogCapture {
public:
    LogCapture() {
        lines().clear();
        set_log_sink([](std::string_view line) {
            const std::scoped_lock lock(mutex());
            lines().emplace_back(line);
        });
    }
    ~LogCapture() { set_log_sink(nullptr); }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    /// The lines so far, each with its end.
    std::string text() const {
        const std::scoped_lock lock(mutex());
        std::string all;
        for (const std::string& line : lines())
            all += line + "\n";
        return all;
    }

    bool contains(std::string_view part) const { return text().find(part) != std::string::npos; }

    /// True when one line holds all of `words`.
    bool has(std::initializer_list<std::string_view> words) const {
        const std::scoped_lock lock(mutex());
        for (const std::string& line : lines()) {
            bool all = true;
            for (std::string_view word : words)
                all = all && line.find(word) != std::string::npos;
            if (all) return true;
        }
        return false;
    }

private:
    static std::mutex& mutex() {
        static std::mutex instance;
        return instance;
    }
    static std::vector<std::string>& lines() {
        static std::vector<std::string> instance;
        return instance;
    }
};

}  // namespace bdk::test
