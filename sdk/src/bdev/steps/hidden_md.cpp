// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/steps/hidden_md.hpp"

#include <bdevkit/memory.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/io_type.hpp"
#include "bdev/path/dif_io.hpp"
#include "bdev/path/io_buf.hpp"
#include "bdev/path/parent.hpp"

namespace bdk {

namespace {

/// The stage of a compare-and-write after all data were found equal.
constexpr uint32_t writing = 1;

uint32_t data_size(const BdevIo* io) {
    const Bdev* bdev = io->ch->bdev;
    return bdev->blocklen - (bdev->has_separate_md() ? 0 : bdev->md_len);
}

uint64_t bytes_in_buffer(const Bdev* bdev, uint64_t blocks) {
    return blocks * (bdev->blocklen + (bdev->has_separate_md() ? bdev->md_len : 0));
}

/// The number of blocks that go through the buffer at a time: whole write units, and if possible no more than
/// iobuf's largest buffer holds.
uint64_t blocks_per_copy(const BdevIo* io) {
    const Bdev* bdev = io->ch->bdev;
    const uint64_t unit = std::max<uint64_t>(bdev->config.write_unit_size, 1);
    const uint64_t blocks = bdk_iobuf_max_len() / bytes_in_buffer(bdev, 1);
    return std::min(std::max(blocks - blocks % unit, unit), io->pub.u.bdev.num_blocks);
}

bool writes(const BdevIo* io) {
    const uint32_t type = io->pub.type;
    return type == BDK_BDEV_IO_TYPE_WRITE || type == BDK_BDEV_IO_TYPE_WRITE_ZEROES ||
           (type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE && io->work.stage == writing);
}

/// The client's iovecs that the current stage reads or fills.
const iovec* client_data(const BdevIo* io) {
    const bool fused = io->pub.type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE && io->work.stage == writing;
    return fused ? io->pub.u.bdev.fused_iovs : io->pub.u.bdev.iovs;
}

/// The client's next `bytes` bytes of data, as iovecs in the child's list.
std::vector<iovec>& next_data(BdevIo* io, BdevIo* child, uint64_t bytes) {
    std::vector<iovec>& pieces = child->part.iovs;
    pieces.clear();
    for (uint64_t left = bytes; left != 0; left -= pieces.back().iov_len)
        pieces.push_back(io->work.data.take(client_data(io), left));
    return pieces;
}

/// Makes room for a next_data() now or after the child has ended. False if the step has to end.
bool make_room_for_data(BdevIo* io, BdevIo* child, uint64_t bytes) {
    if (io->pub.type == BDK_BDEV_IO_TYPE_WRITE_ZEROES) return true;
    return child_make_room(child, io->work.data.pieces(client_data(io), bytes));
}

bdk_dif_ctx dif_of(const BdevIo* child) {
    const bdk_bdev_io_block_params& params = child->pub.u.bdev;
    bdk_dif_ctx ctx{};
    ctx.size = sizeof(ctx);
    bdk_dif_ctx_init(&ctx, child->ch->bdev->pub, params.offset_blocks, params.dif_check_flags);
    return ctx;
}

/// Fills the blocks that the child will write. This cannot fail, because the layout is that of a registered
/// bdev.
void fill(BdevIo* io, BdevIo* child) {
    const bdk_dif_ctx ctx = dif_of(child);
    const bdk_bdev_io_block_params& params = child->pub.u.bdev;
    if (io->pub.type == BDK_BDEV_IO_TYPE_WRITE_ZEROES) {
        std::memset(io->work.buf, 0, bytes_in_buffer(io->ch->bdev, params.num_blocks));
        bdk_dif_generate(&ctx, params.iovs, params.iovcnt, params.md_buf, params.num_blocks);
        return;
    }
    const std::vector<iovec>& data = next_data(io, child, params.num_blocks * data_size(io));
    bdk_dif_generate_copy(&ctx, data.data(), static_cast<int32_t>(data.size()), params.iovs, params.iovcnt,
                          params.md_buf, params.num_blocks);
}

/// Starts the next piece, through the parent's buffer.
void start_piece(BdevIo* io) {
    const Bdev* bdev = io->ch->bdev;
    BdevIo* child = parent_make_child(io, writes(io) ? BDK_BDEV_IO_TYPE_WRITE : BDK_BDEV_IO_TYPE_READ);
    if (child == nullptr) return;
    auto* buf = static_cast<std::byte*>(io->work.buf);
    bdk_bdev_io_block_params& params = child->pub.u.bdev;
    params.offset_blocks += io->work.done;
    params.num_blocks = std::min(blocks_per_copy(io), params.num_blocks - io->work.done);
    child->iov = {buf, bdev->bytes(params.num_blocks)};
    params.iovs = &child->iov;
    params.iovcnt = 1;
    params.md_buf = bdev->has_separate_md() ? buf + child->iov.iov_len : nullptr;
    params.flags &= BDK_BDEV_IO_FUA;
    if (!make_room_for_data(io, child, params.num_blocks * data_size(io))) return;
    if (writes(io)) fill(io, child);
    child_start(child);
}

void metadata_step(BdevIo* io) {
    ParentWork& work = io->work;
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    const bool compares_and_writes = io->pub.type == BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE;
    if (compares_and_writes && !work.locked) {
        return parent_lock_range(io);
    }
    if (io->pub.type == BDK_BDEV_IO_TYPE_READ && !has_buffer(io)) {
        if (work.buf == nullptr) return parent_take_buffer(io, params.num_blocks * data_size(io));
        set_own_buf(io, {std::exchange(work.buf, nullptr), work.buf_bytes},
                    params.num_blocks * data_size(io));
    }
    if (work.done == params.num_blocks) {
        if (!compares_and_writes || work.stage == writing) return parent_finish(io);
        work.stage = writing;
        work.done = 0;
        work.data = {};
    }
    if (work.buf == nullptr)
        return parent_take_buffer(io, bytes_in_buffer(io->ch->bdev, blocks_per_copy(io)));
    start_piece(io);
}

/// True if the data that the child has read equal the client's.
bool is_equal(const BdevIo* io, const BdevIo* child, const std::vector<iovec>& data) {
    const auto* block = static_cast<const std::byte*>(child->iov.iov_base);
    uint64_t left_in_block = data_size(io);
    for (const iovec& piece : data) {
        const auto* ours = static_cast<const std::byte*>(piece.iov_base);
        for (uint64_t left = piece.iov_len; left != 0;) {
            const uint64_t length = std::min(left, left_in_block);
            const std::byte* theirs = block + (data_size(io) - left_in_block);
            if (std::memcmp(ours, theirs, length) != 0) return false;
            ours += length;
            left -= length;
            left_in_block -= length;
            if (left_in_block != 0) continue;
            block += io->ch->bdev->blocklen;
            left_in_block = data_size(io);
        }
    }
    return true;
}

/// Checks what the child has read, and gives it to the client or compares it.
void take_read(BdevIo* io, BdevIo* child) {
    const bdk_dif_ctx ctx = dif_of(child);
    const bdk_bdev_io_block_params& params = child->pub.u.bdev;
    const std::vector<iovec>& data = next_data(io, child, params.num_blocks * data_size(io));
    bdk_dif_error error{};
    error.size = sizeof(error);
    int rc = 0;
    if (io->pub.type == BDK_BDEV_IO_TYPE_READ)
        rc = bdk_dif_verify_copy(&ctx, data.data(), static_cast<int32_t>(data.size()), params.iovs,
                                 params.iovcnt, params.md_buf, params.num_blocks, &error);
    else
        rc = bdk_dif_verify(&ctx, params.iovs, params.iovcnt, params.md_buf, params.num_blocks, &error);
    if (rc == -EILSEQ)
        io->work.status = status_from_nvme(0, dif_error_sct, report_dif_error(&child->pub, error));
    else if (rc != 0)
        io->work.status = status_from_errno(rc);
    else if (io->pub.type != BDK_BDEV_IO_TYPE_READ && !is_equal(io, child, data))
        io->work.status.code = BDK_BDEV_IO_STATUS_MISCOMPARE;
}

void copy_ended(BdevIo* io, BdevIo* child) {
    if (!writes(io)) take_read(io, child);
    io->work.done += child->pub.u.bdev.num_blocks;
}

}  // namespace

bool needs_metadata(const BdevIo* io) {
    if ((io->ch->flags & channel_hides_md) == 0 || io->is_child_here()) return false;
    return io_type(io->pub.type).hidden_md == HiddenMd::converted;
}

void metadata_start(BdevIo* io) {
    parent_begin(io, metadata_step, copy_ended);
}

}  // namespace bdk
