// SPDX-License-Identifier: BSD-3-Clause
// The blocks of an I/O at one of its layers, as a range of the layer's WriteGuard.
#pragma once

#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/io_span.hpp"

namespace bdk {

/// [I/O's thread] The I/O's range at the channel, or nullptr.
WriteRange* range_at(const BdevIo* io, const BdevChannel* ch);

/// [I/O's thread] Unlinks the range from its I/O. The guard may still have it.
void unlink_from_io(WriteRange* range);

/// [channel's thread] A new range that belongs to no I/O yet. Throws std::bad_alloc.
WriteRange* make_range(BdevChannel* ch, const Span& span);

/// [I/O's thread] A new range of the I/O. Throws std::bad_alloc.
WriteRange* make_range_of(BdevIo* io, BdevChannel* ch, const Span& span);

/// [I/O's thread] The blocks that an I/O in flight changes at a channel that it has passed. Empty for a
/// child, because its parent has the blocks.
Span changed_at(const BdevChannel* ch, const BdevIo* io);

}  // namespace bdk
