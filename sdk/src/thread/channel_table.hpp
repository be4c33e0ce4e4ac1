// SPDX-License-Identifier: BSD-3-Clause
// The io_channels of one thread, found by io_device.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

struct bdk_io_channel;

namespace bdk {

class ChannelTable {
public:
    ChannelTable() = default;
    ~ChannelTable();
    ChannelTable(const ChannelTable&) = delete;
    ChannelTable& operator=(const ChannelTable&) = delete;

    /// The newest channel of `io_device`, or nullptr.
    bdk_io_channel* find(void* io_device) noexcept {
        const Entry& entry = recent_[slot_of(io_device)];
        return entry.io_device == io_device ? entry.channel : find_slowly(io_device);
    }

    /// Throws std::bad_alloc, and has done nothing then.
    void add(void* io_device, bdk_io_channel* channel);
    void remove(void* io_device, bdk_io_channel* channel);

    /// Channels, those included whose destruction is under way.
    size_t count() const noexcept { return all_.size(); }
    const std::vector<bdk_io_channel*>& all() const noexcept { return all_; }
    /// The create callback has returned: the channels that it got are older.
    void created(bdk_io_channel* channel) noexcept;
    /// Of those that are left, the channel that was created last; nullptr without any. No other one was made
    /// with it at hand.
    bdk_io_channel* newest() const noexcept;
    /// "'a', 'b'": names of the io_devices, for log lines.
    std::string names() const;

    /// Keeps a destroyed channel that somebody still holds, until the table goes.
    void keep_dead(bdk_io_channel* channel) { dead_.push_back(channel); }

    /// Frees a destroyed channel after some others: a put too many finds it dead rather than its memory
    /// gone.
    void retire(bdk_io_channel* channel);

private:
    struct Entry {
        void* io_device = nullptr;
        bdk_io_channel* channel = nullptr;
    };

    static size_t slot_of(const void* io_device) noexcept {
        const auto bits = reinterpret_cast<uintptr_t>(io_device);
        return ((bits >> 6) ^ (bits >> 12)) % 16;
    }

    bdk_io_channel* find_slowly(void* io_device) noexcept;

    std::array<Entry, 16> recent_{};
    std::unordered_map<void*, bdk_io_channel*> by_device_;
    std::vector<bdk_io_channel*> all_;
    uint32_t created_ = 0;
    std::vector<bdk_io_channel*> dead_;
    std::deque<bdk_io_channel*> retired_;
};

}  // namespace bdk
