// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/shift.hpp"

#include <bdevkit/zone.h>

#include "base/element.hpp"
#include "bdev/model/io_type.hpp"
#include "bdev/path/ref_tags.hpp"

namespace bdk {

namespace {

constexpr uint64_t no_offset = UINT64_MAX;  // the result of a seek that has found nothing

}  // namespace

void io_shift_range(BdevIo* io, int64_t delta) {
    auto shift = static_cast<uint64_t>(delta);
    const IoType& type = io_type(io->pub.type);
    bdk_bdev_io_block_params& params = io->pub.u.bdev;
    switch (type.carries) {
        case Carries::blocks:
            if (type.has_source) params.src_offset_blocks += shift;
            params.offset_blocks += shift;
            break;
        case Carries::place:
            if (params.seek_offset != no_offset) params.seek_offset += shift;
            params.offset_blocks += shift;
            break;
        case Carries::zone:
            io->pub.u.zone_mgmt.zone_id += shift;
            break;
        default:
            break;
    }
}

void io_shift_result(BdevIo* io, int64_t delta) {
    io_shift_range(io, -delta);
    io_restore_ref_tags(io, delta);
    if (io->pub.type != BDK_BDEV_IO_TYPE_GET_ZONE_INFO || !io->succeeded()) return;
    const bdk_bdev_io_zone_mgmt_params& params = io->pub.u.zone_mgmt;
    auto* array = static_cast<bdk_bdev_zone_info*>(params.buf);
    for (uint32_t i = 0; i < params.num_filled; i++) {
        bdk_bdev_zone_info* info = element_at(array, i, params.info_size);
        info->zone_id -= static_cast<uint64_t>(delta);
        info->write_pointer -= static_cast<uint64_t>(delta);
    }
}

}  // namespace bdk
