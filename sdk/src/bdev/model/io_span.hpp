// SPDX-License-Identifier: BSD-3-Clause
// Which blocks an I/O touches, and which of them it changes.
#pragma once

#include <cstdint>

namespace bdk {

struct BdevChannel;
struct BdevIo;

/// Blocks [first, end).
struct Span {
    uint64_t first = 0;
    uint64_t end = 0;  ///< UINT64_MAX: to the end, whatever the size

    bool empty() const noexcept { return first == end; }
    bool overlaps(const Span& other) const noexcept { return first < other.end && other.first < end; }
};

/// How many blocks further on than at `ch`, a layer that it has passed, the I/O is where it is now.
int64_t shift_since(const BdevIo* io, const BdevChannel* ch);

/// Whether the I/O touches the span, a part of the layer whose blocks are `shift` before those of the I/O.
bool touches(const BdevIo* io, int64_t shift, const Span& span);

/// The range of an I/O that has one, in that layer's numbers.
Span blocks_of(const BdevIo* io, int64_t shift);

/// The blocks that the I/O changes, in that layer's numbers; empty for an I/O that changes none. A raw NVMe
/// command may change any block, and a write to a zone any of the zone. A zcopy changes blocks when it is
/// committed.
Span blocks_changed(const BdevIo* io, int64_t shift);

}  // namespace bdk
