// SPDX-License-Identifier: BSD-3-Clause
// The blocks that an I/O touches, and those that it changes.
#pragma once

#include <cstdint>

namespace bdk {

struct BdevChannel;
struct BdevIo;

/// Blocks [first, end).
struct Span {
    uint64_t first = 0;
    uint64_t end = 0;  ///< one past the last block; UINT64_MAX: to the end of the bdev, whatever its size

    bool empty() const noexcept { return first == end; }
    bool overlaps(const Span& other) const noexcept { return first < other.end && other.first < end; }
};

/// The number of blocks by which the I/O has been shifted since it passed `ch`.
int64_t shift_since(const BdevIo* io, const BdevChannel* ch);

/// True if the I/O touches the span. The span is given in the block numbers of a layer from which the I/O has
/// been shifted by `shift` blocks.
bool touches(const BdevIo* io, int64_t shift, const Span& span);

/// The range of an I/O that has one, in the numbers of that layer.
Span blocks_of(const BdevIo* io, int64_t shift);

/// The blocks that the I/O changes, in the numbers of that layer; empty for an I/O that changes none. A raw
/// NVMe command may change any block, and a write to a zone any block of the zone. A zcopy changes blocks
/// when it is committed.
Span blocks_changed(const BdevIo* io, int64_t shift);

}  // namespace bdk
