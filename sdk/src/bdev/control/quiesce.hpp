// SPDX-License-Identifier: BSD-3-Clause
// Ranges of a bdev on which I/O is held (quiesce.h). Each channel has its own copy of the list.
#pragma once

#include <cstdint>
#include <functional>

#include "bdev/model/io_span.hpp"

namespace bdk {

struct BdevChannel;
struct BdevIo;

struct QuiescedRange {
    uint64_t offset;
    uint64_t count;  ///< UINT64_MAX: to the end, whatever the size

    bool operator==(const QuiescedRange&) const = default;

    Span span() const noexcept { return {offset, count == UINT64_MAX ? UINT64_MAX : offset + count}; }

    bool overlaps(const QuiescedRange& other) const noexcept { return span().overlaps(other.span()); }
};

/// A quiesce that waits for another one to end.
struct PendingQuiesce {
    QuiescedRange range;
    std::function<void()> start;
    const BdevIo* io = nullptr;  ///< of lock_range()
};

/// [channel's thread] Holds other I/O on the range of an I/O that the core works on, on every channel of its
/// bdev, and sets work.locked once what was in flight there has completed; then the I/O goes on. Waits for
/// ranges that overlap. The I/O has not done anything yet: others that want the range do not wait for it.
/// Fails the I/O when there is no memory.
void lock_range(BdevIo* io);

/// [channel's thread] Ends the wait of lock_range(). False when the I/O does not wait for the ranges of
/// others.
bool cancel_lock_wait(BdevIo* io);

/// [channel's thread] Lets the I/O on the range go on; then unlocked(io).
void unlock_range(BdevIo* io, void (*unlocked)(BdevIo* io));

/// [channel's thread] True if the I/O, entering the channel, touches a range that is quiesced there.
bool touches_quiesced_range(const BdevChannel* ch, const BdevIo* io);

}  // namespace bdk
