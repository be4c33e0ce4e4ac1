// SPDX-License-Identifier: BSD-3-Clause
// What a bdev takes over from the bdev below it, and what it may ask of any other.
#include <bdevkit/bdev_module.h>
#include <bdevkit/memory.h>

#include <algorithm>
#include <cstring>

#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_list.hpp"
#include "thread/place.hpp"

using bdk::Bdev;

void bdk_bdev_inherit(const bdk_bdev* base, bdk_bdev* own) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return;
    bdk_bdev kept{};
    std::memcpy(&kept, own, std::min<size_t>(own->size, sizeof(kept)));
    bdk_bdev shape = Bdev::of(base)->config;
    shape.size = kept.size;
    shape.ctxt = kept.ctxt;
    shape.name = kept.name;
    shape.product_name = kept.product_name;
    shape.aliases = kept.aliases;
    shape.module = kept.module;
    shape.fn_table = kept.fn_table;
    shape.io_type_supported = kept.io_type_supported;
    shape.uuid = kept.uuid;
    shape.bases = kept.bases;
    shape.internal = kept.internal;
    shape.blockcnt = bdk_bdev_get_num_blocks(base);
    shape.acwu = bdk_bdev_get_max_compare_and_write(base);
    std::memcpy(own, &shape, std::min<size_t>(own->size, sizeof(shape)));
}

int32_t bdk_bdev_get_numa_node(const bdk_bdev* bdev) {
    const int32_t node_and_one = Bdev::of(bdev)->config.numa_id;
    return node_and_one == 0 ? BDK_NUMA_ANY : node_and_one - 1;
}

bdk_bdev* bdk_bdev_get_base(const bdk_bdev* bdev, uint32_t n) {
    if (!bdk::on_app_thread(BDK_ABI_CALL)) return nullptr;
    const std::vector<const Bdev*> bases = bdk::bases_of(&Bdev::of(bdev)->config);
    return n < bases.size() ? bases[n]->pub : nullptr;
}

void bdk_bdev_get_limits(const bdk_bdev* bdev, bdk_bdev_limits* limits) {
    const bdk_bdev& config = Bdev::of(bdev)->config;
    const bdk_bdev_limits all{
        .size = limits->size,
        .reserved = 0,
        .buffer_alignment = uint32_t{1} << config.required_alignment,
        .write_unit_size = std::max(1u, config.write_unit_size),
        .optimal_io_boundary = config.optimal_io_boundary,
        .max_rw_size = config.max_rw_size,
        .max_segment_size = config.max_segment_size,
        .max_num_segments = config.max_num_segments,
        .max_unmap = config.max_unmap,
        .max_write_zeroes = config.max_write_zeroes,
        .max_copy = config.max_copy,
        .acwu = bdk_bdev_get_acwu(bdev),
        .max_zone_append_size = config.max_zone_append_size,
        .max_open_zones = config.max_open_zones,
        .max_active_zones = config.max_active_zones,
        .optimal_open_zones = config.optimal_open_zones,
        .zone_size = config.zone_size,
    };
    std::memcpy(limits, &all, std::min<size_t>(limits->size, sizeof(all)));
}
