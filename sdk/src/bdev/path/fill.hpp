// SPDX-License-Identifier: BSD-3-Clause
// Fills a bdev_io from the pool. Used by a user's submission, a stand-in, a child and an abort.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// [I/O's thread] Makes it an I/O of that type which will enter at `ch`. `now`: the ticks of the thread's
/// turn. The caller fills the part that the type carries.
inline void io_fill(BdevIo* io, uint32_t type, BdevChannel* ch, bdk_bdev_io_completion_cb cb, void* cb_arg,
                    uint64_t now) noexcept {
    io->pub.type = type;
    io->ch = ch;
    io->cb = cb;
    io->cb_arg = cb_arg;
    io->submit_ticks = now;
}

/// [I/O's thread] Fills the part that a type with a range of blocks carries, without flags and metadata.
inline void io_fill_blocks(BdevIo* io, iovec* iovs, int32_t iovcnt, uint64_t offset_blocks,
                           uint64_t num_blocks, uint32_t dif_check_flags) noexcept {
    bdk_bdev_io_block_params& params = io->pub.u.bdev;
    params.iovs = iovs;
    params.iovcnt = iovcnt;
    params.flags = 0;
    params.offset_blocks = offset_blocks;
    params.num_blocks = num_blocks;
    params.md_buf = nullptr;
    params.dif_check_flags = dif_check_flags;
}

}  // namespace bdk
