// SPDX-License-Identifier: BSD-3-Clause
// Ranges of a bdev on which I/O is held (quiesce.h). Each channel has a copy of the list.
#pragma once

#include <cstdint>
#include <functional>

#include "bdev/model/io_span.hpp"

namespace bdk {

struct BdevIo;

struct QuiescedRange {
    uint64_t offset;
    uint64_t count;  ///< UINT64_MAX: to the end of the bdev, whatever its size

    bool operator==(const QuiescedRange&) const = default;

    Span span() const noexcept { return {offset, count == UINT64_MAX ? UINT64_MAX : offset + count}; }

    bool overlaps(const QuiescedRange& other) const noexcept { return span().overlaps(other.span()); }
};

/// A quiesce that waits for another quiesce to end.
struct PendingQuiesce {
    QuiescedRange range;
    std::function<void()> start;
    const BdevIo* io = nullptr;  ///< for lock_range(): its I/O
};

}  // namespace bdk
