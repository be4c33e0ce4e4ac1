// SPDX-License-Identifier: BSD-3-Clause
// Limits the messages from one place in the source.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/export.hpp"

namespace bdk {

/// Each place may write a number of messages in one second of the clock. Further messages in that second are
/// suppressed and counted. When the second is over, the count is reported once. Not thread-safe.
class BDK_INTERNAL LogLimit {
public:
    static constexpr uint32_t per_second = 100;

    /// A place of the source. Two are the same when address and line are.
    struct Place {
        const void* address;  ///< address of the file's name, or of a caller; never dereferenced
        int32_t line;
        const char* name;  ///< name of the file, copied
    };

    /// Whether a message from that place may be written in the second `now`.
    bool admit(const Place& place, uint64_t now);

    /// One line for each place whose messages were suppressed in a second before `now`; each count is
    /// reported once.
    std::vector<std::string> take_held(uint64_t now);

    /// Suppressed messages that have not been reported.
    uint64_t held() const noexcept { return held_; }

private:
    struct Entry {
        const void* address = nullptr;
        int32_t line = 0;
        uint64_t second = 0;
        uint32_t count = 0;
        uint64_t held = 0;
        std::array<char, 48> name{};
    };

    Entry* entry_of(const Place& place);

    std::array<Entry, 256> entries_{};
    uint64_t held_ = 0;
};

}  // namespace bdk
