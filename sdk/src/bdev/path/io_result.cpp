// SPDX-License-Identifier: BSD-3-Clause
// Results that an I/O has beside its status and its data: a position, or the description of zones.
#define BDK_LOG_COMPONENT "bdev"
#include <bdevkit/log.h>
#include <bdevkit/zone.h>

#include <algorithm>

#include "base/element.hpp"
#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"
#include "bdev/model/io_pool.hpp"
#include "bdev/path/complete.hpp"
#include "bdev/path/validate.hpp"

using bdk::BdevIo;

uint64_t bdk_bdev_io_get_seek_offset(const bdk_bdev_io* io) {
    const bdk::Bdev* bdev = BdevIo::of(io)->ch->bdev;
    bool outside =
        bdev != nullptr && io->u.bdev.seek_offset >= bdev->blockcnt.load(std::memory_order_relaxed);
    return outside ? UINT64_MAX : io->u.bdev.seek_offset;  // outside: found by a larger base
}

uint64_t bdk_bdev_io_get_append_location(const bdk_bdev_io* io) {
    return io->u.bdev.offset_blocks;
}

uint32_t bdk_bdev_io_get_num_zones(const bdk_bdev_io* io) {
    return io->type == BDK_BDEV_IO_TYPE_GET_ZONE_INFO ? io->u.zone_mgmt.num_filled : 0;
}

void bdk_bdev_io_set_seek_offset(bdk_bdev_io* io, uint64_t offset_blocks) {
    if (!bdk::on_submitters_thread(BdevIo::of(io), BDK_ABI_CALL)) return;
    io->u.bdev.seek_offset = offset_blocks;
}

void bdk_bdev_io_set_append_location(bdk_bdev_io* io, uint64_t offset_blocks) {
    if (!bdk::on_submitters_thread(BdevIo::of(io), BDK_ABI_CALL)) return;
    if (io->type != BDK_BDEV_IO_TYPE_ZONE_APPEND) {
        BDK_ERRLOG("bdk_bdev_io_set_append_location() of a %s: only a zone append has one",
                   bdk_bdev_io_type_name(io->type));
        return;
    }
    io->u.bdev.offset_blocks = offset_blocks;
}

void bdk_bdev_io_set_zone_info(bdk_bdev_io* io, uint32_t index, const bdk_bdev_zone_info* info,
                               uint32_t info_size) {
    bdk_bdev_io_zone_mgmt_params& params = io->u.zone_mgmt;
    const bool asked = io->type == BDK_BDEV_IO_TYPE_GET_ZONE_INFO && index < params.num_zones;
    if (!asked || !bdk::is_element_size(info_size, bdk::zone_info_least)) {
        BDK_ERRLOG("bdk_bdev_io_set_zone_info() of a %s: element %u of %u bytes was not asked for",
                   bdk_bdev_io_type_name(io->type), index, info_size);
        return;
    }
    auto* array = static_cast<std::byte*>(params.buf);
    bdk::copy_element(bdk::element_at(array, index, params.info_size), params.info_size, info, info_size);
    params.num_filled = std::max(params.num_filled, index + 1);
}
