// SPDX-License-Identifier: BSD-3-Clause
#include "thread/channel_table.hpp"

#include <algorithm>
#include <new>

#include "thread/channel_memory.hpp"
#include "thread/io_channel.hpp"

namespace bdk {

namespace {

constexpr size_t retired_kept = 32;

}  // namespace

ChannelTable::~ChannelTable() {
    for (bdk_io_channel* channel : dead_)
        free_channel(channel);
    for (bdk_io_channel* channel : retired_)
        free_channel(channel);
}

void ChannelTable::retire(bdk_io_channel* channel) {
    poison_context(channel);
    try {
        retired_.push_back(channel);
    } catch (const std::bad_alloc&) {
        return free_channel(channel);
    }
    if (retired_.size() <= retired_kept) return;
    free_channel(retired_.front());
    retired_.pop_front();
}

bdk_io_channel* ChannelTable::find_slowly(void* io_device) noexcept {
    const auto found = by_device_.find(io_device);
    if (found == by_device_.end()) return nullptr;
    recent_[slot_of(io_device)] = {io_device, found->second};
    return found->second;
}

void ChannelTable::add(void* io_device, bdk_io_channel* channel) {
    if (all_.capacity() == all_.size()) all_.reserve(2 * all_.size() + 1);
    by_device_[io_device] = channel;
    channel->place = static_cast<uint32_t>(all_.size());
    all_.push_back(channel);
    recent_[slot_of(io_device)] = {io_device, channel};
}

void ChannelTable::remove(void* io_device, bdk_io_channel* channel) {
    all_[channel->place] = all_.back();
    all_[channel->place]->place = channel->place;
    all_.pop_back();
    // A newer io_device at the same address may have taken its place.
    const auto found = by_device_.find(io_device);
    if (found != by_device_.end() && found->second == channel) by_device_.erase(found);
    Entry& entry = recent_[slot_of(io_device)];
    if (entry.channel == channel) entry = {};
}

void ChannelTable::created(bdk_io_channel* channel) noexcept {
    channel->number = ++created_;
}

bdk_io_channel* ChannelTable::newest() const noexcept {
    const auto older = [](const bdk_io_channel* a, const bdk_io_channel* b) { return a->number < b->number; };
    const auto found = std::max_element(all_.begin(), all_.end(), older);
    return found == all_.end() ? nullptr : *found;
}

std::string ChannelTable::names() const {
    std::string text;
    for (const bdk_io_channel* channel : all_) {
        text += (text.empty() ? "'" : ", '") + channel->device->name + "'";
    }
    return text;
}

}  // namespace bdk
