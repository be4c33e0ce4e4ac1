// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace bdevkit::host {

/// Counts the threads that use the running host. A stopping host refuses new ones, and waits for those inside
/// before it frees anything that they use.
class Callers {
public:
    /// One thread's visit.
    class Inside {
    public:
        explicit Inside(Callers* callers) : callers_(callers) {}
        ~Inside();
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;

        /// False: the host is stopping or has stopped.
        explicit operator bool() const { return callers_ != nullptr; }

    private:
        Callers* callers_;
    };

    /// [any thread]
    Inside enter();
    /// [any thread] From now on no thread may enter.
    void refuse();
    /// [not a bdk thread, after refuse()] Returns when all have left.
    void wait_until_gone();

private:
    std::mutex mutex_;
    std::condition_variable left_;
    size_t inside_ = 0;
    bool refusing_ = false;
};

}  // namespace bdevkit::host
