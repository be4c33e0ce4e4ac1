// SPDX-License-Identifier: BSD-3-Clause
// The way of an I/O: enter a layer -> (core) -> module -> finish -> callback. All of it on one thread.
#pragma once

#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"

namespace bdk {

/// A user's I/O on its way in: as io_enter(). @return 0; -EINVAL when it does not fit the bdev: then it has
/// gone back to the pool.
int io_submit(BdevIo* io);

/// Brings an I/O to the layer of `io->ch`: counts it there, gives it a context and hands it to the module, or
/// to the core where the channel's flags or the type ask for that. Public part, `cb` and `submit_ticks` are
/// set.
void io_enter(BdevIo* io);

/// As io_enter(), for an I/O that a module has forwarded, `in_submit` or later.
void io_enter_forwarded(BdevIo* io, bool in_submit);

/// Gives the I/O a context for the channel it is at. False if there is no memory.
bool io_take_ctx(BdevIo* io);

/// Counts the I/O at the layer of its channel. False if it has no context, for lack of memory.
inline bool io_count_in(BdevIo* io) {
    BdevChannel* ch = io->ch;
    ch->io_outstanding++;
    io->pub.bdev = ch->bdev->pub;
    io->pub.driver_ctx = nullptr;
    return ch->ctx_size == 0 || io_take_ctx(io);
}

/// Nesting is bounded whatever the depth of the stack: what would go deeper runs later in the same turn.
constexpr uint32_t max_submit_depth = 16;
void io_dispatch_later(BdevIo* io);

/// Hands an I/O to the module, and follows it down where the module forwards it. `thread` is the current one.
inline void io_dispatch(BdevIo* io, bdk_thread* thread) {
    if (thread->submit_depth >= max_submit_depth) [[unlikely]]
        return io_dispatch_later(io);
    thread->submit_depth++;
    do {
        io->state = IoState::in_submit;
        BdevChannel* ch = io->ch;
        ch->submit(ch->module_ch, &io->pub);
        // Completed or not, `io` is still ours to look at: its callback comes in a later step of this turn.
    } while (io->state == IoState::forwarded);
    if (io->state == IoState::in_submit) io->state = IoState::in_module;
    thread->submit_depth--;
}

inline void io_dispatch(BdevIo* io) {
    io_dispatch(io, current_thread());
}

constexpr uint32_t max_complete_depth = 8;  ///< nested callbacks; further ones run later in the turn

/// Ends a completed I/O at every layer from the current one up to one that wants to see it, or to the
/// submitter.
void io_finish(BdevIo* io);

/// Counts an I/O at `ch` that no module will see, as held by the core (BdevChannel::core_held);
/// io_complete_from_core() ends it.
void io_hold(BdevIo* io, BdevChannel* ch);

/// [any thread] A module completes the I/O: on the submitter's thread, exactly once. Anything else is
/// reported; a completion on another thread is taken to the right one.
void io_complete(BdevIo* io, IoStatus status, const void* caller);

/// Completes an I/O that the core holds, at the layer where it is. Its callback runs later in the turn.
void io_complete_from_core(BdevIo* io, IoStatus status);

inline void io_complete_from_core(BdevIo* io, int32_t code) {
    IoStatus status;
    status.code = code;
    io_complete_from_core(io, status);
}

/// A bdev_io that is not completed was freed, or one was freed twice.
void report_wrong_free(const BdevIo* io, const void* caller);

/// Shifts the range of the I/O by `delta` blocks.
void io_shift_range(BdevIo* io, int64_t delta);

/// Shifts it back when the I/O has completed, and the offsets that it has found.
void io_shift_result(BdevIo* io, int64_t delta);

/// The core's part of an I/O whose channel has flags or whose type is in `Bdev::core_types`.
void io_core_start(BdevIo* io);

/// The rest of it, for an I/O that has waited: what its type asks for, then the module.
void io_core_go_on(BdevIo* io);

/// The types that the core has a part in. The I/O is at its layer, and the core's.
void reset_start(BdevIo* io);
/// A reset leaves the layer: the channels go on, then it completes. False if the I/O is no reset of this
/// layer.
bool reset_leave(BdevIo* io);
/// Takes a reset that waits for another one out. False: it does not wait.
bool reset_take_out(BdevIo* io);
void abort_start(BdevIo* io);
void write_zeroes_emulate(BdevIo* io);
void compare_emulate(BdevIo* io);
void compare_and_write_emulate(BdevIo* io);
void copy_emulate(BdevIo* io);
/// The I/O without FUA, then a flush.
void fua_emulate(BdevIo* io);

}  // namespace bdk
