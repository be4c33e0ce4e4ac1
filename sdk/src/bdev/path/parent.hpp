// SPDX-License-Identifier: BSD-3-Clause
// How the core works on an I/O. It holds the I/O, the parent, and runs children on the same channel. A child
// goes through the core like the parent, so a piece of a split may be bounced, the write of an emulation may
// be split, and so on.
//
// A parent has a step() that does as much as is possible now: it makes and starts children, asks for a
// buffer, or finishes the parent. It runs again when a child has ended or when what it waited for has come.
// After a failure it is not called again; the parent ends with the first failure once its children have
// ended.
//
// A child belongs to the core. At its own layer it is not counted, not held by a quiesced range (its parent
// has passed it), not reported to the user as late, and not found by a user's abort. But a reset and a lack
// of memory in the module affect it like any I/O.
#pragma once

#include "bdev/model/bdev_io.hpp"
#include "bdev/model/core_hooks.hpp"

namespace bdk {

/// How many children of a parent may be in flight. Only one if they write to zones, because each must begin
/// at the write pointer that the one before it has moved.
uint32_t children_at_once(const BdevIo* io);

/// Makes an I/O that the core holds at its layer a parent, and runs `step`.
void parent_begin(BdevIo* io, void (*step)(BdevIo* io), void (*ended)(BdevIo* io, BdevIo* child) = nullptr);

/// Ends a parent that has no children in flight, with work.status: success unless something has failed.
void parent_finish(BdevIo* io);

/// Ends the parent with `status`, unless it has already failed, as soon as its children have ended.
void parent_fail(BdevIo* io, IoStatus status);

/// Ends the wait of a parent and continues it.
void parent_resume(BdevIo* io);

/// Makes a child with the parent's block parameters. If the parent has no other child, a bdev_io is always
/// found, because the pool has a reserve. @return nullptr when the step has to end: it will run again, or the
/// parent has failed.
BdevIo* parent_make_child(BdevIo* io, uint32_t type);

/// Reserves room for `count` iovecs in the list of a child before its start. @return false without memory:
/// then the child is gone, the parent has failed, and the step has to end.
bool child_make_room(BdevIo* child, size_t count) noexcept;

/// Starts a child. It ends in a later step of this turn at the earliest.
void child_start(BdevIo* child);

/// Gets the parent a buffer, work.buf, and runs its step, now or later. Without memory the parent fails.
void parent_take_buffer(BdevIo* io, uint64_t bytes);

/// Ends the parent as aborted as soon as its children have ended. It makes no more children.
void parent_abort(BdevIo* io);

/// Like parent_abort(), for a parent that waits for a buffer or for its range. False for any other parent,
/// which continues.
bool parent_stop_waiting(BdevIo* io);

/// Holds other I/O on the range of a parent that has done nothing yet. Once the I/O in flight there has
/// completed, the parent continues. Without memory the parent fails. parent_finish() releases the range.
inline void parent_lock_range(BdevIo* io) {
    core_hooks.lock_range(io);
}

/// Copies between the buffers of an I/O and a piece of memory.
void gather(void* to, const iovec* iovs, int32_t iovcnt);
void scatter(const void* from, const iovec* iovs, int32_t iovcnt);

}  // namespace bdk
