// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/io_types.hpp"

#include <algorithm>
#include <cstdint>

#include "bdev/model/bdev.hpp"

namespace bdk {

namespace {

constexpr uint64_t bit(uint32_t type) {
    return BDK_BDEV_IO_TYPE_BIT(type);
}

constexpr uint64_t all_types = bit(BDK_BDEV_IO_NUM_TYPES) - 1 - bit(BDK_BDEV_IO_TYPE_INVALID);

/// What the core makes a type from; 0 for a type that is the module's alone.
uint64_t emulation_needs(uint32_t type) {
    constexpr uint64_t read = bit(BDK_BDEV_IO_TYPE_READ);
    constexpr uint64_t write = bit(BDK_BDEV_IO_TYPE_WRITE);
    switch (type) {
        case BDK_BDEV_IO_TYPE_WRITE_ZEROES:
            return write;
        case BDK_BDEV_IO_TYPE_COMPARE:
            return read;
        case BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
        case BDK_BDEV_IO_TYPE_COPY:
            return read | write;
        default:
            return 0;
    }
}

bool has_all(const Bdev* bdev, uint64_t types) {
    for (uint32_t type = 1; type < BDK_BDEV_IO_NUM_TYPES; type++)
        if ((types & bit(type)) != 0 && !bdev->supports_natively(type)) return false;
    return true;
}

/// The types that the core may have to split or bounce.
uint64_t limited_types(const Bdev* bdev) {
    const bdk_bdev& config = bdev->config;
    constexpr uint64_t with_data = bit(BDK_BDEV_IO_TYPE_READ) | bit(BDK_BDEV_IO_TYPE_WRITE) |
                                   bit(BDK_BDEV_IO_TYPE_COMPARE) | bit(BDK_BDEV_IO_TYPE_ZONE_APPEND);
    uint64_t types = 0;
    if ((config.flags & BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY) != 0 && config.optimal_io_boundary != 0)
        types |= with_data;
    if (config.max_rw_size != 0 || config.max_segment_size != 0 || config.max_num_segments != 0)
        types |= with_data;
    if (config.required_alignment != 0) types |= with_data | bit(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE);
    if ((config.flags & BDK_BDEV_SPLIT_ON_WRITE_UNIT) != 0 && config.write_unit_size > 1)
        types |= bit(BDK_BDEV_IO_TYPE_WRITE);
    if (config.max_zone_append_size != 0) types |= bit(BDK_BDEV_IO_TYPE_ZONE_APPEND);
    if (config.max_unmap != 0) types |= bit(BDK_BDEV_IO_TYPE_UNMAP);
    if (config.max_write_zeroes != 0) types |= bit(BDK_BDEV_IO_TYPE_WRITE_ZEROES);
    if (config.max_copy != 0) types |= bit(BDK_BDEV_IO_TYPE_COPY);
    return types;
}

}  // namespace

uint64_t types_flushed_for_fua(const Bdev* bdev) {
    constexpr uint64_t with_data = bit(BDK_BDEV_IO_TYPE_WRITE) | bit(BDK_BDEV_IO_TYPE_ZONE_APPEND);
    constexpr uint64_t without = bit(BDK_BDEV_IO_TYPE_WRITE_ZEROES) | bit(BDK_BDEV_IO_TYPE_UNMAP) |
                                 bit(BDK_BDEV_IO_TYPE_COPY) | bit(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE);
    if ((bdev->flags & BDK_BDEV_WRITE_CACHE) == 0) return 0;
    if ((bdev->module_types & bit(BDK_BDEV_IO_TYPE_FLUSH)) == 0) return 0;
    return (bdev->flags & BDK_BDEV_FUA) != 0 ? without : with_data | without;
}

void set_io_types(Bdev* bdev) {
    bool dynamic = (bdev->flags & BDK_BDEV_DYNAMIC_IO_TYPES) != 0;
    uint64_t declared = bdev->config.io_type_supported & all_types;
    bdev->module_types = declared == 0 ? all_types : declared;
    if (!dynamic && bdev->fn.io_type_supported != nullptr)
        for (uint32_t type = 1; type < BDK_BDEV_IO_NUM_TYPES; type++)
            if (!bdev->fn.io_type_supported(bdev->config.ctxt, type)) bdev->module_types &= ~bit(type);

    bdev->io_types = bdev->module_types;
    bdev->core_types = bit(BDK_BDEV_IO_TYPE_RESET) | bit(BDK_BDEV_IO_TYPE_ABORT);
    for (uint32_t type = 1; type < BDK_BDEV_IO_NUM_TYPES; type++) {
        uint64_t needs = emulation_needs(type);
        bool possible = needs != 0 && (bdev->module_types & needs) == needs;
        if (!possible || (!dynamic && (bdev->module_types & bit(type)) != 0)) continue;
        bdev->io_types |= bit(type);
        bdev->core_types |= bit(type);
    }
    bdev->core_types |= (limited_types(bdev) | types_flushed_for_fua(bdev)) & bdev->io_types;
}

bool Bdev::emulates(uint32_t type) const noexcept {
    if ((core_types & bit(type)) == 0 || supports_natively(type)) return false;
    uint64_t needs = emulation_needs(type);
    return needs != 0 && has_all(this, needs);
}

uint32_t Bdev::acwu() const noexcept {
    if (config.acwu != 0) return config.acwu;
    // The core locks as many blocks as it takes.
    if (emulates(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE)) return UINT32_MAX;
    return std::max(1u, config.write_unit_size);
}

bool Bdev::supports_dynamic(uint32_t type) const noexcept {
    return supports_natively(type) || emulates(type);
}

}  // namespace bdk
