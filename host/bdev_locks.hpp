// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

namespace bdevkit::host {

/// Allows one change of a bdev at a time: a second change waits until the first has ended. Changes of
/// different bdevs do not wait for each other. When the host stops, waiting changes are refused.
class BdevLocks {
public:
    class Held {
    public:
        Held(BdevLocks* locks, std::string bdev) : locks_(locks), bdev_(std::move(bdev)) {}
        ~Held();
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;

        /// False: the host is stopping.
        explicit operator bool() const { return locks_ != nullptr; }

    private:
        BdevLocks* locks_;
        std::string bdev_;
    };

    /// [not a bdk thread] Waits for the other change of this bdev.
    Held hold(const std::string& bdev);
    /// [any thread] From now on no change is granted.
    void end();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::set<std::string> held_;
    bool ended_ = false;
};

}  // namespace bdevkit::host
