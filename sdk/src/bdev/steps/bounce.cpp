// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/steps/bounce.hpp"

#include <algorithm>
#include <cstring>

#include "bdev/model/bdev.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/io_type.hpp"
#include "bdev/path/parent.hpp"
#include "bdev/steps/split.hpp"

namespace bdk {

namespace {

constexpr uint64_t largest_alignment = 4096;

uint64_t align_up(uint64_t bytes) {
    return (bytes + largest_alignment - 1) & ~(largest_alignment - 1);
}

/// The positions of an I/O's parts in the buffer, each aligned.
struct Layout {
    explicit Layout(const BdevIo* io) : data_bytes(io->ch->bdev->bytes(io->pub.u.bdev.num_blocks)) {
        const bdk_bdev_io_block_params& params = io->pub.u.bdev;
        if (io_type(io->pub.type).data == Data::fused) fused_bytes = data_bytes;
        if (params.md_buf != nullptr) md_bytes = params.num_blocks * io->ch->bdev->md_len;
        fused_at = align_up(data_bytes);
        md_at = fused_at + align_up(fused_bytes);
    }

    uint64_t total() const {
        if (md_bytes != 0) return md_at + md_bytes;
        return fused_bytes != 0 ? fused_at + fused_bytes : data_bytes;
    }

    uint64_t data_bytes;
    uint64_t fused_bytes = 0, fused_at = 0;  ///< the data that a compare-and-write writes
    uint64_t md_bytes = 0, md_at = 0;
};

std::byte* buffer(const BdevIo* io) {
    return static_cast<std::byte*>(io->work.buf);
}

void copy_in(const BdevIo* io, const Layout& layout) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    if (io->pub.type == BDK_BDEV_IO_TYPE_READ) return;
    gather(buffer(io), params.iovs, params.iovcnt);
    if (layout.fused_bytes != 0) gather(buffer(io) + layout.fused_at, params.fused_iovs, params.fused_iovcnt);
    if (layout.md_bytes != 0) std::memcpy(buffer(io) + layout.md_at, params.md_buf, layout.md_bytes);
}

void child_ended(BdevIo* io, BdevIo* child) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    if (io->pub.type == BDK_BDEV_IO_TYPE_ZONE_APPEND)
        io->pub.u.bdev.offset_blocks = child->pub.u.bdev.offset_blocks;
    if (io->pub.type != BDK_BDEV_IO_TYPE_READ) return;
    Layout layout(io);
    scatter(buffer(io), params.iovs, params.iovcnt);
    if (layout.md_bytes != 0) std::memcpy(params.md_buf, buffer(io) + layout.md_at, layout.md_bytes);
}

void bounce_step(BdevIo* io) {
    ParentWork& work = io->work;
    Layout layout(io);
    if (work.stage == 1) return parent_finish(io);
    if (work.buf == nullptr) return parent_take_buffer(io, layout.total());
    BdevIo* child = parent_make_child(io, io->pub.type);
    if (child == nullptr || !child_make_room(child, 2)) return;
    copy_in(io, layout);
    bdk_bdev_io_block_params& params = child->pub.u.bdev;
    child->part.iovs.assign(
        {{buffer(io), layout.data_bytes}, {buffer(io) + layout.fused_at, layout.fused_bytes}});
    params.iovs = child->part.iovs.data();
    params.iovcnt = 1;
    if (layout.fused_bytes != 0) {
        params.fused_iovs = params.iovs + 1;
        params.fused_iovcnt = 1;
    }
    if (layout.md_bytes != 0) params.md_buf = buffer(io) + layout.md_at;
    work.stage = 1;
    child_start(child);
}

bool misaligned(const iovec* iovs, int32_t iovcnt, uintptr_t mask) {
    return std::any_of(iovs, iovs + iovcnt, [mask](const iovec& iov) {
        return (reinterpret_cast<uintptr_t>(iov.iov_base) & mask) != 0;
    });
}

}  // namespace

bool needs_bounce(const BdevIo* io) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    uintptr_t mask = (uintptr_t{1} << io->ch->bdev->config.required_alignment) - 1;
    const Data data = io_type(io->pub.type).data;
    if (data == Data::none) return false;
    if (data == Data::fused && misaligned(params.fused_iovs, params.fused_iovcnt, mask)) return true;
    return misaligned(params.iovs, params.iovcnt, mask) || has_wrong_segments(io);
}

void bounce_start(BdevIo* io) {
    parent_begin(io, bounce_step, child_ended);
}

}  // namespace bdk
