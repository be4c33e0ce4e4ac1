// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/io_span.hpp"

#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/io_type.hpp"

namespace bdk {

namespace {

constexpr Span none{};
constexpr Span everything{0, UINT64_MAX};

Span span_of(uint64_t first, uint64_t count, int64_t shift) {
    first -= static_cast<uint64_t>(shift);
    return {first, first + count};
}

/// False for flush, compare, verify and all commands that fetch data.
bool nvme_changes_blocks(const BdevIo* io) {
    constexpr uint8_t flush = 0x00, compare = 0x05, verify = 0x0c;
    constexpr uint8_t direction = 3, to_host = 2;
    const uint8_t opcode = io->pub.u.nvme_passthru.cmd[0];
    const bool harmless = opcode == flush || opcode == compare || opcode == verify;
    return !harmless && (opcode & direction) != to_host;
}

}  // namespace

Span blocks_of(const BdevIo* io, int64_t shift) {
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    return span_of(params.offset_blocks, params.num_blocks, shift);
}

int64_t shift_since(const BdevIo* io, const BdevChannel* ch) {
    int64_t shift = 0;
    for (uint32_t i = io->depth; i-- > 0;) {
        if (io->frames[i].has_rest()) shift += io->rests[i].offset_delta;
        if (io->frames[i].ch() == ch) return shift;
    }
    return 0;
}

bool touches(const BdevIo* io, int64_t shift, const Span& span) {
    const IoType& type = io_type(io->pub.type);
    if (type.changes == Changes::as_commanded) return true;  // only the device knows the blocks
    if (type.changes == Changes::its_zone) return span.overlaps(blocks_changed(io, shift));
    if (type.carries != Carries::blocks && type.carries != Carries::place) return false;
    const bdk_bdev_io_block_params& params = io->pub.u.bdev;
    if (type.has_source && span.overlaps(span_of(params.src_offset_blocks, params.num_blocks, shift)))
        return true;
    return span.overlaps(blocks_of(io, shift));
}

Span blocks_changed(const BdevIo* io, int64_t shift) {
    const IoType& type = io_type(io->pub.type);
    switch (type.changes) {
        case Changes::its_blocks:
            return blocks_of(io, shift);
        case Changes::if_committed:
            return (io->pub.u.bdev.flags & BDK_BDEV_IO_ZCOPY_COMMIT) != 0 ? blocks_of(io, shift) : none;
        case Changes::its_zone: {
            const bool managed = type.carries == Carries::zone;
            const uint64_t zone = managed ? io->pub.u.zone_mgmt.zone_id : io->pub.u.bdev.offset_blocks;
            return span_of(zone, io->ch->bdev->config.zone_size, shift);
        }
        case Changes::as_commanded:
            return nvme_changes_blocks(io) ? everything : none;
        default:
            return none;
    }
}

}  // namespace bdk
