// SPDX-License-Identifier: BSD-3-Clause
// The hand-over of an I/O to its module.
#pragma once

#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"

namespace bdk {

/// The limit of nested submissions, whatever the depth of the stack. Deeper ones run later in the same turn.
constexpr uint32_t max_submit_depth = 16;
void io_dispatch_later(BdevIo* io);

/// [I/O's thread] Gives an I/O to the module, and follows it down as long as modules forward it. `thread` is
/// the current one.
inline void io_dispatch(BdevIo* io, bdk_thread* thread) {
    if (thread->submit_depth >= max_submit_depth) [[unlikely]]
        return io_dispatch_later(io);
    thread->submit_depth++;
    do {
        io->state = IoState::in_submit;
        BdevChannel* ch = io->ch;
        ch->submit(ch->module_ch, &io->pub);
        // Even if `io` has completed, it may be read here: its callback runs in a later step of this turn.
    } while (io->state == IoState::forwarded);
    if (io->state == IoState::in_submit) io->state = IoState::in_module;
    thread->submit_depth--;
}

inline void io_dispatch(BdevIo* io) {
    io_dispatch(io, current_thread());
}

}  // namespace bdk
