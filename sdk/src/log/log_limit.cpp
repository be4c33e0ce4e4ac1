// SPDX-License-Identifier: BSD-3-Clause
#include "log/log_limit.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string_view>

#include "base/file_name.hpp"

namespace bdk {
/// nullptr when the table is full; places that are not in the table are not limited.
LogLimit::Entry* LogLimit::entry_of(const Place& place) {
    constexpr size_t longest_search = 16;
    const size_t start = std::hash<const void*>{}(place.address) / 8 + static_cast<size_t>(place.line) * 31;
    for (size_t i = 0; i < longest_search; ++i) {
        Entry& entry = entries_[(start + i) % entries_.size()];
        if (entry.address == place.address && entry.line == place.line) return &entry;
        if (entry.address != nullptr) continue;
        entry.address = place.address;
        entry.line = place.line;
        const std::string_view name = file_name_of(place.name);
        std::copy_n(name.begin(), std::min(name.size(), entry.name.size() - 1), entry.name.begin());
        return &entry;
    }
    return nullptr;
}

bool LogLimit::admit(const Place& place, uint64_t now) {
    Entry* entry = entry_of(place);
    if (entry == nullptr) return true;
    if (entry->second != now) {
        entry->second = now;
        entry->count = 0;
    }
    if (entry->count < per_second) {
        ++entry->count;
        return true;
    }
    ++entry->held;
    ++held_;
    return false;
}

std::vector<std::string> LogLimit::take_held(uint64_t now) {
    std::vector<std::string> lines;
    if (held_ == 0) return lines;
    for (Entry& entry : entries_) {
        if (entry.held == 0 || entry.second >= now) continue;
        std::string place = entry.name.data();
        if (entry.line != 0) place.append(":").append(std::to_string(entry.line));
        lines.push_back(std::to_string(entry.held) + " more messages of " + place +
                        " were held back: a place writes at most " + std::to_string(per_second) +
                        " in a second");
        held_ -= entry.held;
        entry.held = 0;
    }
    return lines;
}

}  // namespace bdk
