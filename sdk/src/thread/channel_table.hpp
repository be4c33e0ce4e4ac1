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

    /// Throws std::bad_alloc without any effect.
    void add(void* io_device, bdk_io_channel* channel);
    void remove(void* io_device, bdk_io_channel* channel);

    /// The number of channels, including those whose destruction is under way.
    size_t count() const noexcept { return all_.size(); }
    const std::vector<bdk_io_channel*>& all() const noexcept { return all_; }
    /// The create callback has returned. Channels that it got count as older.
    void created(bdk_io_channel* channel) noexcept;
    /// The remaining channel that was created last; nullptr if none. No other channel depends on it.
    bdk_io_channel* newest() const noexcept;
    /// "'a', 'b'": names of the io_devices, for log lines.
    std::string names() const;

    /// Keeps a destroyed channel that is still referenced, until the table is destroyed.
    void keep_dead(bdk_io_channel* channel) { dead_.push_back(channel); }

    /// Frees a destroyed channel after some others, so that an extra put finds the dead channel and not freed
    /// memory.
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
