// SPDX-License-Identifier: BSD-3-Clause
// Handles that a thread has opened and must close: descs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace bdk {

/// One open handle. The thread can only name it and take it from its owner.
struct OpenHandle {
    void* handle;
    std::string (*describe)(const void* handle);
    void (*abandon)(void* handle);  ///< called when its thread exits without having closed it
};

/// The list of one thread. An exiting thread waits until its list is empty, and names the handles in it.
class OpenHandles {
public:
    /// Throws std::bad_alloc without any effect.
    void add(const OpenHandle& handle) { list_.push_back(handle); }
    /// Does nothing if the handle has been abandoned.
    void remove(const void* handle) noexcept {
        std::erase_if(list_, [handle](const OpenHandle& open) { return open.handle == handle; });
    }
    size_t count() const noexcept { return list_.size(); }

    /// For log lines: "'disk', opened by raid.so, 'log', opened by raid.so".
    std::string names() const {
        std::string text;
        for (const OpenHandle& open : list_)
            text += (text.empty() ? "" : ", ") + open.describe(open.handle);
        return text;
    }

    void abandon_all() {
        while (!list_.empty()) {
            const OpenHandle last = list_.back();
            list_.pop_back();
            last.abandon(last.handle);
        }
    }

private:
    std::vector<OpenHandle> list_;
};

}  // namespace bdk
