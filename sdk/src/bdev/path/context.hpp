// SPDX-License-Identifier: BSD-3-Clause
// The contexts that modules have in an I/O, one per layer (bdk_module::get_ctx_size). They are in the
// bdev_io, one behind the other. A context that does not fit comes from the channel, which keeps it for later
// I/Os.
#pragma once

#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"

namespace bdk {

/// [I/O's thread] Gives the I/O a context for its channel. False without memory.
bool io_take_ctx(BdevIo* io);

/// [I/O's thread] Takes back the I/O's newest context, which is for `ch`.
inline void io_give_back_ctx(BdevIo* io, BdevChannel* ch) {
    if (io->pub.driver_ctx == nullptr) return;
    std::byte* memory = static_cast<std::byte*>(io->pub.driver_ctx) - ctx_header_bytes;
    if (memory >= io->ctx && memory < io->ctx + inline_ctx_bytes) {
        io->ctx_used = static_cast<uint16_t>(memory - io->ctx);
    } else {
        *reinterpret_cast<void**>(memory) = ch->free_ctx;
        ch->free_ctx = memory;
    }
}

}  // namespace bdk
