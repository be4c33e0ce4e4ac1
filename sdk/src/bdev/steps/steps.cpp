// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/steps/steps.hpp"

#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_types.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/steps/bounce.hpp"
#include "bdev/steps/emulate.hpp"
#include "bdev/steps/hidden_md.hpp"
#include "bdev/steps/split.hpp"

namespace bdk {

namespace {

using Start = void (*)(BdevIo* io);

Start emulation_of(uint32_t type) {
    switch (type) {
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
            return write_zeroes_emulate;
        case BDK_BDEV_IO_TYPE_COMPARE:
            return compare_emulate;
        case BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
            return compare_and_write_emulate;
        default:
            return copy_emulate;
    }
}

/// True if the I/O asks for FUA and needs a flush to get it.
bool needs_flush(const BdevIo* io) {
    const Bdev* bdev = io->ch->bdev;
    const bool asked_for = (io->pub.u.bdev.flags & BDK_BDEV_IO_FUA) != 0;
    if (!asked_for || !is_flushed_for_fua(bdev, io->pub.type)) return false;
    // A compare-and-write waits for all I/O on its blocks, so it cannot be the child of an I/O on them.
    // Instead its write has the flag.
    bool is_locking = io->pub.type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE &&
                      bdev->emulates(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE);
    return !is_locking && bdev->supports_natively(BDK_BDEV_IO_TYPE_FLUSH);
}

/// The function that starts the first step, or nullptr.
Start next_step(const BdevIo* io) {
    const Bdev* bdev = io->ch->bdev;
    if (needs_metadata(io)) return metadata_start;
    if ((bdev->core_types & BDK_BDEV_IO_TYPE_BIT(io->pub.type)) == 0) return nullptr;
    if (needs_flush(io)) return fua_emulate;
    if (bdev->emulates(io->pub.type)) return emulation_of(io->pub.type);
    if (needs_split(io)) return split_start;
    if (needs_bounce(io)) return bounce_start;
    return nullptr;
}

}  // namespace

bool begin_step(BdevIo* io) {
    const Start start = next_step(io);
    if (start == nullptr) return false;
    start(io);
    return true;
}

}  // namespace bdk
