// SPDX-License-Identifier: BSD-3-Clause
// Emulates compare, compare-and-write and copy by reads and writes, if the module lacks them.
#include <bdevkit/memory.h>

#include <algorithm>
#include <cstring>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/path/parent.hpp"
#include "bdev/path/ref_tags.hpp"
#include "bdev/steps/emulate.hpp"

namespace bdk {

namespace {

/// The number of blocks that go through the buffer at a time: whole write units, and if possible no more than
/// iobuf's largest buffer holds.
uint64_t blocks_per_piece(const BdevIo* io) {
    const Bdev* bdev = io->ch->bdev;
    uint64_t unit = std::max<uint64_t>(bdev->config.write_unit_size, 1);
    uint64_t blocks = bdk_iobuf_max_len() / (bdev->blocklen + bdev->md_len);
    return std::min(std::max(blocks - blocks % unit, unit), io->pub.u.bdev.num_blocks);
}

/// Starts a child that reads or writes `blocks` blocks at block `at`, through the parent's buffer. False if
/// the step has to end.
bool start_on_buffer(BdevIo* io, uint32_t type, uint64_t at, uint64_t blocks) {
    BdevIo* child = parent_make_child(io, type);
    if (child == nullptr) return false;
    const Bdev* bdev = io->ch->bdev;
    auto* buf = static_cast<std::byte*>(io->work.buf);
    bdk_bdev_io_block_params& params = child->pub.u.bdev;
    child->iov = {buf, bdev->bytes(blocks)};
    params.iovs = &child->iov;
    params.iovcnt = 1;
    params.offset_blocks = at;
    params.num_blocks = blocks;
    params.flags &= type == BDK_BDEV_IO_TYPE_WRITE ? BDK_BDEV_IO_FUA : 0;
    params.md_buf = bdev->has_separate_md() ? buf + bdev->bytes(blocks) : nullptr;
    child_start(child);
    return true;
}

bool take_piece_buffer(BdevIo* io) {
    const Bdev* bdev = io->ch->bdev;
    if (io->work.buf != nullptr) return true;
    parent_take_buffer(io, blocks_per_piece(io) * (bdev->blocklen + bdev->md_len));
    return false;
}

/* ---- compare; work.done: blocks found equal ---- */

/// True if the data that the child has read equal the data at this position in the parent's buffers.
bool equal(BdevIo* io, const BdevIo* child) {
    const Bdev* bdev = io->ch->bdev;
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    const auto* read = static_cast<const std::byte*>(io->work.buf);
    for (uint64_t left = child->iov.iov_len; left != 0;) {
        iovec piece = io->work.data.take(params.iovs, left);
        if (std::memcmp(read, piece.iov_base, piece.iov_len) != 0) return false;
        read += piece.iov_len;
        left -= piece.iov_len;
    }
    if (params.md_buf == nullptr) return true;
    const std::byte* md = static_cast<const std::byte*>(params.md_buf) + io->work.done * bdev->md_len;
    return std::memcmp(read, md, child->pub.u.bdev.num_blocks * bdev->md_len) == 0;
}

void compare_child_ended(BdevIo* io, BdevIo* child) {
    if (!equal(io, child)) io->work.status.code = BDK_BDEV_IO_STATUS_MISCOMPARE;
    io->work.done += child->pub.u.bdev.num_blocks;
}

void compare_step(BdevIo* io) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    uint64_t done = io->work.done;
    if (done == params.num_blocks) return parent_finish(io);
    if (!take_piece_buffer(io)) return;
    start_on_buffer(io, BDK_BDEV_IO_TYPE_READ, params.offset_blocks + done,
                    std::min(blocks_per_piece(io), params.num_blocks - done));
}

/* ---- compare and write, with the range locked ---- */

void compare_and_write_step(BdevIo* io) {
    ParentWork& work = io->work;
    if (!work.locked) {
        return parent_lock_range(io);
    }
    if (work.stage == 2) return parent_finish(io);
    bool write = work.stage == 1;
    BdevIo* child = parent_make_child(io, write ? BDK_BDEV_IO_TYPE_WRITE : BDK_BDEV_IO_TYPE_COMPARE);
    if (child == nullptr) return;
    if (write) {
        child->pub.u.bdev.iovs = io->pub.u.bdev.fused_iovs;
        child->pub.u.bdev.iovcnt = io->pub.u.bdev.fused_iovcnt;
    }
    work.stage++;
    child_start(child);
}

/* ---- copy; work.done: blocks copied ---- */

/// Protection information may contain the block number, so data that were read get the tags of their new
/// place.
void copy_child_ended(BdevIo* io, BdevIo* child) {
    if (child->pub.type != BDK_BDEV_IO_TYPE_READ) return;
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    uint64_t from = child->pub.u.bdev.offset_blocks;
    uint64_t to = params.offset_blocks + (from - params.src_offset_blocks);
    if (!io_remap_ref_tags(child, from, to)) io->work.status = child->status;
}

void copy_step(BdevIo* io) {
    ParentWork& work = io->work;
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    if (work.done == params.num_blocks) return parent_finish(io);
    if (!take_piece_buffer(io)) return;
    // A copy to overlapping higher blocks starts at its end, so that blocks are read before they are
    // overwritten.
    bool from_end = params.offset_blocks > params.src_offset_blocks;
    uint64_t blocks = std::min(blocks_per_piece(io), params.num_blocks - work.done);
    uint64_t at = from_end ? params.num_blocks - work.done - blocks : work.done;
    if (work.stage == 0) {
        if (start_on_buffer(io, BDK_BDEV_IO_TYPE_READ, params.src_offset_blocks + at, blocks)) work.stage = 1;
    } else if (start_on_buffer(io, BDK_BDEV_IO_TYPE_WRITE, params.offset_blocks + at, blocks)) {
        work.stage = 0;
        work.done += blocks;
    }
}

}  // namespace

void compare_emulate(BdevIo* io) {
    parent_begin(io, compare_step, compare_child_ended);
}

void compare_and_write_emulate(BdevIo* io) {
    parent_begin(io, compare_and_write_step);
}

void copy_emulate(BdevIo* io) {
    parent_begin(io, copy_step, copy_child_ended);
}

}  // namespace bdk
