// SPDX-License-Identifier: BSD-3-Clause
// What the core does with an I/O before, or instead of, the module.
#include <memory>

#include "bdev/bdev.hpp"
#include "bdev/io_path.hpp"
#include "bdev/io_pool.hpp"

namespace bdk {

void io_core_start(BdevIo* io) {
    BdevChannel* ch = io->ch;
    // Resets and aborts go past what waits: they are there to end it.
    if (io->pub.type == BDK_BDEV_IO_TYPE_RESET) return reset_start(io);
    if (io->pub.type == BDK_BDEV_IO_TYPE_ABORT) return abort_start(io);
    if ((ch->flags & channel_frozen) != 0) return ch->held.push(io);
    if ((ch->flags & channel_quiesced) != 0 && touches_quiesced_range(ch, io))
        return ch->quiesced_io.push(io);
    if ((ch->flags & channel_limited) != 0 && !qos_admit(io)) return;
    if ((ch->flags & channel_nomem) != 0) {
        ch->nomem_count++;
        return ch->shared->nomem.push(io);
    }
    io_core_go_on(io);
}

void io_core_go_on(BdevIo* io) {
    if ((io->ch->bdev->core_types & BDK_BDEV_IO_TYPE_BIT(io->pub.type)) == 0) return io_dispatch(io);
    switch (io->pub.type) {
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
            return write_zeroes_emulate(io);
        case BDK_BDEV_IO_TYPE_WRITE:
            return fua_emulate(io);
        default:
            return io_dispatch(io);
    }
}

BdevIo* io_make_child(BdevIo* parent, uint32_t type, bdk_bdev_io_completion_cb cb) {
    BdevIo* child = parent->ch->pool->take();
    if (child == nullptr) return nullptr;
    child->pub.type = type;
    child->pub.u.bdev = parent->pub.u.bdev;
    child->ch = parent->ch;
    child->cb = cb;
    child->cb_arg = parent;
    child->submit_ticks = parent->submit_ticks;
    return child;
}

void io_wait_for_bdev_io(BdevIo* io, void (*retry)(BdevIo*)) {
    struct Wait {
        bdk_bdev_io_wait_entry entry;
        BdevIo* io;
        void (*retry)(BdevIo*);
    };
    auto wait = std::make_unique<Wait>(Wait{{}, io, retry});
    wait->entry.bdev = io->ch->bdev->pub;
    wait->entry.cb_arg = wait.get();
    wait->entry.cb = [](void* arg) {
        std::unique_ptr<Wait> self(static_cast<Wait*>(arg));
        self->retry(self->io);
    };
    io->ch->pool->waiting.push_back(&wait.release()->entry);
}

}  // namespace bdk
