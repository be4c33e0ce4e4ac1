// SPDX-License-Identifier: BSD-3-Clause
// Holding the I/O on a range of a bdev (quiesce.h).
#pragma once

namespace bdk {

struct BdevChannel;
struct BdevIo;

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
