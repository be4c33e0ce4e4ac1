// SPDX-License-Identifier: BSD-3-Clause
#include "thread/walk_list.hpp"

#include <new>

namespace bdk {

WalkList& WalkList::instance() {
    static auto* list = new WalkList;
    return *list;
}

void WalkList::visiting(const bdk_io_channel_iter* iter, std::string_view device_name,
                        std::string_view thread_name) noexcept {
    try {
        const std::lock_guard lock(mutex_);
        visits_[iter] = {std::string(device_name), std::string(thread_name), Clock::now(), false};
    } catch (const std::bad_alloc&) {
        // The walk continues without being watched.
    }
}

void WalkList::went_on(const bdk_io_channel_iter* iter) {
    const std::lock_guard lock(mutex_);
    visits_.erase(iter);
}

std::vector<std::string> WalkList::stuck(std::chrono::milliseconds limit) {
    std::vector<std::string> lines;
    const Clock::time_point now = Clock::now();
    const std::lock_guard lock(mutex_);
    for (auto& [iter, visit] : visits_) {
        if (visit.reported || now - visit.since < limit) continue;
        visit.reported = true;
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - visit.since).count();
        lines.push_back("a walk over the io_channels of '" + visit.device + "' waits for " +
                        std::to_string(ms) + " ms for bdk_for_each_channel_continue() on thread '" +
                        visit.thread + "'; until then the io_device cannot be unregistered");
    }
    return lines;
}

}  // namespace bdk
