// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/io_span.hpp"

#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"

namespace bdk {

namespace {

constexpr Span none{};
constexpr Span everything{0, UINT64_MAX};

Span span_of(uint64_t first, uint64_t count, int64_t shift) {
    first -= static_cast<uint64_t>(shift);
    return {first, first + count};
}

Span data_span(const BdevIo* io, int64_t shift) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    return span_of(params.offset_blocks, params.num_blocks, shift);
}

/// Flush, compare, verify and all commands that fetch data leave the blocks as they are.
bool nvme_changes_blocks(const BdevIo* io) {
    constexpr uint8_t flush = 0x00, compare = 0x05, verify = 0x0c;
    constexpr uint8_t direction = 3, to_host = 2;
    const uint8_t opcode = io->pub.u.nvme_passthru.cmd[0];
    const bool harmless = opcode == flush || opcode == compare || opcode == verify;
    return !harmless && (opcode & direction) != to_host;
}

}  // namespace

int64_t shift_since(const BdevIo* io, const BdevChannel* ch) {
    int64_t shift = 0;
    for (uint32_t i = io->depth; i-- > 0;) {
        if (io->frames[i].has_rest()) shift += io->rests[i].offset_delta;
        if (io->frames[i].ch() == ch) return shift;
    }
    return 0;
}

bool touches(const BdevIo* io, int64_t shift, const Span& span) {
    switch (io->pub.type) {
        case BDK_BDEV_IO_TYPE_RESET:
        case BDK_BDEV_IO_TYPE_ABORT:
        case BDK_BDEV_IO_TYPE_NVME_ADMIN:
        case BDK_BDEV_IO_TYPE_GET_ZONE_INFO:
            return false;
        case BDK_BDEV_IO_TYPE_NVME_IO:
        case BDK_BDEV_IO_TYPE_NVME_IO_MD:
        case BDK_BDEV_IO_TYPE_NVME_IOV_MD:
            return true;  // nobody but the device knows where it goes
        case BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
        case BDK_BDEV_IO_TYPE_ZONE_APPEND:
            return span.overlaps(blocks_changed(io, shift));
        case BDK_BDEV_IO_TYPE_COPY:
            if (span.overlaps(span_of(io->pub.u.bdev.src_offset_blocks, io->pub.u.bdev.num_blocks, shift)))
                return true;
            [[fallthrough]];
        default:
            return span.overlaps(data_span(io, shift));
    }
}

Span blocks_changed(const BdevIo* io, int64_t shift) {
    switch (io->pub.type) {
        case BDK_BDEV_IO_TYPE_WRITE:
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
        case BDK_BDEV_IO_TYPE_UNMAP:
        case BDK_BDEV_IO_TYPE_COPY:
        case BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
            return data_span(io, shift);
        case BDK_BDEV_IO_TYPE_ZCOPY:
            return (io->pub.u.bdev.flags & BDK_BDEV_IO_ZCOPY_COMMIT) != 0 ? data_span(io, shift) : none;
        case BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
            return span_of(io->pub.u.zone_mgmt.zone_id, io->ch->bdev->config.zone_size, shift);
        case BDK_BDEV_IO_TYPE_ZONE_APPEND:  // where it goes shows at its end
            return span_of(io->pub.u.bdev.offset_blocks, io->ch->bdev->config.zone_size, shift);
        case BDK_BDEV_IO_TYPE_NVME_IO:
        case BDK_BDEV_IO_TYPE_NVME_IO_MD:
        case BDK_BDEV_IO_TYPE_NVME_IOV_MD:
            return nvme_changes_blocks(io) ? everything : none;
        default:
            return none;
    }
}

}  // namespace bdk
