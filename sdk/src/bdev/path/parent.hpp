// SPDX-License-Identifier: BSD-3-Clause
// The one way in which the core works on an I/O: it holds the I/O, the parent, and runs children on the same
// channel. A child goes through the core as the parent did, so that a piece of a split may be bounced, a
// write of an emulation split, and so on.
//
// A parent has a step() that does as much as can be done now: it makes children and starts them, asks for a
// buffer, or finishes the parent. It runs again when a child has ended or what it waited for is there. After
// a failure it does not run any more: the parent ends with the first failure once its children have.
//
// A child is the core's: at its own layer it is not counted, not held by a quiesced range (its parent has
// passed it), not reported as late in the parent's place and not found by the user's abort. What resets and
// the module's lack of memory mean to any I/O, they mean to a child.
#pragma once

#include "bdev/model/bdev_io.hpp"
#include "bdev/model/core_hooks.hpp"

namespace bdk {

/// How many children of a parent may be in flight. Of what writes to zones one: it begins at the write
/// pointer, which the one before it has moved.
uint32_t children_at_once(const BdevIo* io);

/// Makes a parent of an I/O that is at its layer and belongs to the core, and runs `step`.
void parent_begin(BdevIo* io, void (*step)(BdevIo* io), void (*ended)(BdevIo* io, BdevIo* child) = nullptr);

/// Ends the parent, which has no children in flight, with work.status: success unless something has failed.
void parent_finish(BdevIo* io);

/// Ends the parent with `status`, if nothing has failed before, as soon as its children have ended.
void parent_fail(BdevIo* io, IoStatus status);

/// Ends the wait of a parent for something: goes on with it.
void parent_resume(BdevIo* io);

/// A new child with the parent's block parameters. A bdev_io is always found for the only child: the pool
/// keeps a reserve. @return nullptr when the step has to end: it runs again, or the parent has failed.
BdevIo* parent_make_child(BdevIo* io, uint32_t type);

/// Room for `count` iovecs in the list of a child that has not been started. @return false without memory:
/// then the child is gone, the parent has failed, and the step has to end.
bool child_make_room(BdevIo* child, size_t count) noexcept;

/// Starts a child. It ends in a later step of this turn at the earliest.
void child_start(BdevIo* child);

/// Gets the parent a buffer, work.buf, and runs its step, now or later; or fails it.
void parent_take_buffer(BdevIo* io, uint64_t bytes);

/// Ends the parent as aborted, as soon as its children have ended; no more are made.
void parent_abort(BdevIo* io);

/// The same for a parent that waits for a buffer or for its range. False for any other, which goes on.
bool parent_stop_waiting(BdevIo* io);

/// Holds other I/O on the range of the parent, which has done nothing yet, and goes on with it once what was
/// in flight there has completed. Fails the parent without memory. parent_finish() lets the range go.
inline void parent_lock_range(BdevIo* io) {
    core_hooks.lock_range(io);
}

/// Copies between the buffers of an I/O and a piece of memory.
void gather(void* to, const iovec* iovs, int32_t iovcnt);
void scatter(const void* from, const iovec* iovs, int32_t iovcnt);

}  // namespace bdk
