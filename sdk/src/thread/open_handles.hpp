// SPDX-License-Identifier: BSD-3-Clause
// What a thread has opened and must give back: descs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace bdk {

/// One of them. The thread knows no more of it than how to name it and how to take it from its owner.
struct OpenHandle {
    void* handle;
    std::string (*describe)(const void* handle);
    void (*abandon)(void* handle);  ///< its thread goes without having given it back
};

/// Of one thread only. A thread that exits waits until the list is empty, and names what is in it.
class OpenHandles {
public:
    /// Throws std::bad_alloc, and has done nothing then.
    void add(const OpenHandle& handle) { list_.push_back(handle); }
    /// Nothing when it has been abandoned.
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
