// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/steps/split.hpp"

#include <algorithm>
#include <utility>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/io_type.hpp"
#include "bdev/path/io_buf.hpp"
#include "bdev/path/parent.hpp"

namespace bdk {

namespace {

/// True if the type has data, which can be cut.
bool has_data(uint32_t type) {
    return io_type(type).data == Data::iovs;
}

bool is_limited(uint64_t limit) {
    return limit != 0;
}

/// The number of blocks of the smallest piece: a write unit if the module insists on it.
uint64_t smallest_piece(const bdk_bdev& limits, uint32_t type) {
    bool units = type == BDK_BDEV_IO_TYPE_WRITE && (limits.flags & BDK_BDEV_SPLIT_ON_WRITE_UNIT) != 0;
    return units ? std::max<uint64_t>(limits.write_unit_size, 1) : 1;
}

uint64_t max_blocks(const bdk_bdev& limits, uint32_t type) {
    const auto most_blocks = io_type(type).most_blocks;
    return most_blocks == nullptr ? 0 : limits.*most_blocks;
}

/// An I/O is cut at multiples of the result; 0: nowhere. The write unit takes precedence over the optimal
/// boundary.
uint64_t boundary(const bdk_bdev& limits, uint32_t type) {
    if (uint64_t unit = smallest_piece(limits, type); unit > 1) return unit;
    bool cut = (limits.flags & BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY) != 0 && has_data(type) &&
               type != BDK_BDEV_IO_TYPE_ZONE_APPEND;
    return cut ? limits.optimal_io_boundary : 0;
}

/// The number of blocks from `done` on that may go at once, regardless of the layout of their data.
uint64_t blocks_at_once(const BdevIo* io, uint64_t done) {
    const bdk_bdev& limits = io->ch->bdev->config;
    uint64_t blocks = io->pub.u.bdev.num_blocks - done;
    if (uint64_t every = boundary(limits, io->pub.type); is_limited(every))
        blocks = std::min(blocks, every - (io->pub.u.bdev.offset_blocks + done) % every);
    if (uint64_t most = max_blocks(limits, io->pub.type); is_limited(most)) blocks = std::min(blocks, most);
    return blocks;
}

/// Data are cut only where the second part is as aligned as the first.
uint64_t longest_segment(const bdk_bdev& limits) {
    uint64_t alignment = uint64_t{1} << limits.required_alignment;
    return is_limited(limits.max_segment_size) ? limits.max_segment_size & ~(alignment - 1) : UINT64_MAX;
}

/// How many of the `bytes` bytes from `at` on fit into as many segments as the module takes.
uint64_t bytes_in_segments(const BdevIo* io, IovCursor at, uint64_t bytes) {
    const bdk_bdev& limits = io->ch->bdev->config;
    uint64_t segments = is_limited(limits.max_num_segments) ? limits.max_num_segments : UINT64_MAX;
    uint64_t held = 0;
    for (; held < bytes && segments != 0; segments--)
        held += at.take(io->pub.u.bdev.iovs, std::min(bytes - held, longest_segment(limits))).iov_len;
    return held;
}

struct Piece {
    uint64_t blocks;
    bool too_scattered;  ///< even the smallest piece needs another buffer
};

Piece next_piece(const BdevIo* io, uint64_t done, const IovCursor& at) {
    const Bdev* bdev = io->ch->bdev;
    uint64_t blocks = blocks_at_once(io, done);
    if (!has_data(io->pub.type)) return {blocks, false};
    uint64_t fit = bytes_in_segments(io, at, bdev->bytes(blocks)) / bdev->blocklen;
    if (fit == blocks) return {blocks, false};
    if (io->pub.type == BDK_BDEV_IO_TYPE_ZONE_APPEND) return {blocks, true};  // cannot be cut
    uint64_t smallest = smallest_piece(bdev->config, io->pub.type);
    uint64_t rounded = fit - fit % smallest;
    return rounded == 0 ? Piece{smallest, true} : Piece{rounded, false};
}

bool overlaps(const bdk_bdev_io_block_params& copy) {
    return copy.offset_blocks < copy.src_offset_blocks + copy.num_blocks &&
           copy.src_offset_blocks < copy.offset_blocks + copy.num_blocks;
}

/// Gives the child the parent's data at `at`, and moves `at` past them. False if the step has to end.
bool set_data(BdevIo* child, const BdevIo* io, IovCursor& at) {
    const Bdev* bdev = io->ch->bdev;
    const iovec* iovs = io->pub.u.bdev.iovs;
    uint64_t longest = longest_segment(bdev->config);
    uint64_t left = bdev->bytes(child->pub.u.bdev.num_blocks);
    child->iov = at.take(iovs, std::min(left, longest));
    left -= child->iov.iov_len;
    child->pub.u.bdev.iovs = &child->iov;
    child->pub.u.bdev.iovcnt = 1;
    if (left == 0) return true;
    if (!child_make_room(child, 1 + at.pieces(iovs, left, longest))) return false;
    std::vector<iovec>& pieces = child->part.iovs;
    pieces.assign(1, child->iov);
    for (; left != 0; left -= pieces.back().iov_len)
        pieces.push_back(at.take(iovs, std::min(left, longest)));
    child->pub.u.bdev.iovs = pieces.data();
    child->pub.u.bdev.iovcnt = static_cast<int32_t>(pieces.size());
    return true;
}

/// Starts a piece of `blocks` blocks. False if the step has to end.
bool start_piece(BdevIo* io, BdevIo* child, uint64_t blocks, bool from_end) {
    ParentWork& work = io->work;
    bdk_bdev_io_block_params& params = child->pub.u.bdev;
    uint64_t at = from_end ? params.num_blocks - work.done - blocks : work.done;
    params.offset_blocks += at;
    params.num_blocks = blocks;
    if (io_type(io->pub.type).has_source) params.src_offset_blocks += at;
    if (params.md_buf != nullptr)
        params.md_buf = static_cast<std::byte*>(params.md_buf) + at * io->ch->bdev->md_len;
    if (has_data(io->pub.type) && !set_data(child, io, work.data)) return false;
    work.done += blocks;
    child_start(child);
    return true;
}

void split_step(BdevIo* io) {
    ParentWork& work = io->work;
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    if (has_data(io->pub.type) && !has_buffer(io)) {
        if (work.buf == nullptr) return parent_take_buffer(io, io->ch->bdev->bytes(params.num_blocks));
        set_own_buf(io, {std::exchange(work.buf, nullptr), work.buf_bytes},
                    io->ch->bdev->bytes(params.num_blocks));
    }
    // The pieces of a copy to overlapping blocks must neither overtake one another nor overwrite blocks that
    // have not been read.
    bool in_order = io_type(io->pub.type).has_source && overlaps(params);
    bool from_end = in_order && params.offset_blocks > params.src_offset_blocks;
    uint32_t at_once = in_order ? 1 : children_at_once(io);
    while (work.done < params.num_blocks && work.children < at_once) {
        uint64_t blocks = next_piece(io, work.done, work.data).blocks;
        BdevIo* child = parent_make_child(io, io->pub.type);
        if (child == nullptr || !start_piece(io, child, blocks, from_end)) return;
    }
    if (work.children == 0) parent_finish(io);
}

void piece_ended(BdevIo* io, BdevIo* child) {
    if (io->pub.type == BDK_BDEV_IO_TYPE_ZONE_APPEND)
        io->pub.u.bdev.offset_blocks = child->pub.u.bdev.offset_blocks;
}

}  // namespace

bool has_wrong_segments(const BdevIo* io) {
    const bdk_bdev& limits = io->ch->bdev->config;
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    if (!has_data(io->pub.type)) return false;
    if (is_limited(limits.max_num_segments) && static_cast<uint32_t>(params.iovcnt) > limits.max_num_segments)
        return true;
    return is_limited(limits.max_segment_size) &&
           std::any_of(params.iovs, params.iovs + params.iovcnt,
                       [&](const iovec& iov) { return iov.iov_len > limits.max_segment_size; });
}

bool needs_split(const BdevIo* io) {
    bool can_split = has_data(io->pub.type) || is_limited(max_blocks(io->ch->bdev->config, io->pub.type));
    if (!can_split) return false;
    uint64_t num_blocks = io->pub.u.bdev.num_blocks;
    if (blocks_at_once(io, 0) != num_blocks) return true;
    if (!has_wrong_segments(io)) return false;
    Piece whole = next_piece(io, 0, {});
    return whole.blocks != num_blocks || !whole.too_scattered;
}

void split_start(BdevIo* io) {
    parent_begin(io, split_step, piece_ended);
}

}  // namespace bdk
