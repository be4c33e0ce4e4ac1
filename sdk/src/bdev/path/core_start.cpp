// SPDX-License-Identifier: BSD-3-Clause
// What the core does with an I/O before, or instead of, the module.
#include "bdev/model/bdev.hpp"
#include "bdev/model/io_types.hpp"
#include "bdev/path/io_path.hpp"
#include "bdev/steps/bounce.hpp"
#include "bdev/steps/hidden_md.hpp"
#include "bdev/steps/split.hpp"

namespace bdk {

namespace {

void emulate(BdevIo* io) {
    switch (io->pub.type) {
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
            return write_zeroes_emulate(io);
        case BDK_BDEV_IO_TYPE_COMPARE:
            return compare_emulate(io);
        case BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
            return compare_and_write_emulate(io);
        default:
            return copy_emulate(io);
    }
}

/// True if the I/O asks for FUA, and has to get it from a flush.
bool needs_flush(const BdevIo* io) {
    const Bdev* bdev = io->ch->bdev;
    if ((types_flushed_for_fua(bdev) & BDK_BDEV_IO_TYPE_BIT(io->pub.type)) == 0) return false;
    if ((io->pub.u.bdev.flags & BDK_BDEV_IO_FUA) == 0) return false;
    // It waits for all that touches its blocks, so it cannot be the child of one that does. Its write has the
    // flag.
    bool is_locking = io->pub.type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE &&
                      bdev->emulates(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE);
    return !is_locking && bdev->supports_natively(BDK_BDEV_IO_TYPE_FLUSH);
}

/// To the module, behind those that wait for its memory.
void dispatch_in_turn(BdevIo* io) {
    if ((io->ch->flags & channel_nomem) == 0) return io_dispatch(io);
    hold_in(io->ch->shared->nomem, io);
}

}  // namespace

void io_core_start(BdevIo* io) {
    BdevChannel* ch = io->ch;
    // Resets and aborts go past what waits: they are there to end it.
    if (io->pub.type == BDK_BDEV_IO_TYPE_RESET) return reset_start(io);
    if (io->pub.type == BDK_BDEV_IO_TYPE_ABORT) return abort_start(io);
    if ((ch->flags & channel_frozen) != 0) return static_cast<void>(hold_in(ch->held, io));
    if (!io->is_child_here()) {
        if ((ch->flags & channel_guarded) != 0 && !guard_admit(io)) return;
        if ((ch->flags & channel_quiesced) != 0 && touches_quiesced_range(ch, io))
            return static_cast<void>(hold_in(ch->quiesced_io, io));
        if ((ch->flags & channel_limited) != 0 && !qos_admit(io)) return;
    }
    io_core_go_on(io);
}

void io_core_go_on(BdevIo* io) {
    const Bdev* bdev = io->ch->bdev;
    if (needs_metadata(io)) return metadata_start(io);
    if ((bdev->core_types & BDK_BDEV_IO_TYPE_BIT(io->pub.type)) == 0) return dispatch_in_turn(io);
    // Each of these hands on to children, which come here again: from the whole to the smallest piece.
    if (needs_flush(io)) return fua_emulate(io);
    if (bdev->emulates(io->pub.type)) return emulate(io);
    if (needs_split(io)) return split_start(io);
    if (needs_bounce(io)) return bounce_start(io);
    dispatch_in_turn(io);
}

}  // namespace bdk
