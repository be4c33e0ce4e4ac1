// SPDX-License-Identifier: BSD-3-Clause
// Holding the I/O on a range of a bdev (quiesce.h).
#pragma once

namespace bdk {

struct BdevChannel;
struct BdevIo;

/// [channel's thread] Locks the range of an I/O that the core works on: holds other I/O on the range, on
/// every channel of the bdev. Once what was in flight there has completed, work.locked is set and the I/O
/// goes on. Locks that overlap wait for one another. The I/O must not have done anything yet, because a
/// quiesce of the range does not wait for an I/O that waits here. The I/O fails when there is no memory.
void lock_range(BdevIo* io);

/// [channel's thread] Ends the wait of lock_range(). False when the I/O does not wait for a range.
bool cancel_lock_wait(BdevIo* io);

/// [channel's thread] Lets held I/O on the range go on, then calls unlocked(io).
void unlock_range(BdevIo* io, void (*unlocked)(BdevIo* io));

/// [channel's thread] True if the I/O, on entering the channel, touches a range that is quiesced there.
bool touches_quiesced_range(const BdevChannel* ch, const BdevIo* io);

}  // namespace bdk
