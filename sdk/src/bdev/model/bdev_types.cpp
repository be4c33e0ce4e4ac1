// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/bdev_types.hpp"

#include <algorithm>
#include <cstdint>

#include "bdev/model/bdev.hpp"
#include "bdev/model/io_type.hpp"

namespace bdk {

namespace {

/// The types that a module may be given that was built for this minor of the ABI. Its answers for others mean
/// nothing: a layer may answer true for any type.
uint64_t types_of_minor(uint32_t abi_minor) {
    return types_where([=](const IoType& type) { return type.since_minor <= abi_minor; });
}

bool has_all(const Bdev* bdev, uint64_t types) {
    for (uint32_t type = 1; type < io_type_count; type++)
        if ((types & type_bit(type)) != 0 && !bdev->supports_natively(type)) return false;
    return true;
}

/// The types that the core may have to split or bounce.
uint64_t limited_types(const Bdev* bdev) {
    const bdk_bdev& config = bdev->config;
    uint64_t types = types_where(
        [&](const IoType& type) { return type.most_blocks != nullptr && config.*type.most_blocks != 0; });
    const bool cut =
        (config.flags & BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY) != 0 && config.optimal_io_boundary != 0;
    if (cut || config.max_rw_size != 0 || config.max_segment_size != 0 || config.max_num_segments != 0)
        types |= types_where([](const IoType& type) { return type.data == Data::iovs; });
    if (config.required_alignment != 0)
        types |= types_where([](const IoType& type) { return type.data != Data::none; });
    if ((config.flags & BDK_BDEV_SPLIT_ON_WRITE_UNIT) != 0 && config.write_unit_size > 1)
        types |= type_bit(BDK_BDEV_IO_TYPE_WRITE);
    if (config.max_zone_append_size != 0) types |= type_bit(BDK_BDEV_IO_TYPE_ZONE_APPEND);
    return types;
}

}  // namespace

bool is_flushed_for_fua(const Bdev* bdev, uint32_t type) {
    if ((bdev->flags & BDK_BDEV_WRITE_CACHE) == 0) return false;
    if ((bdev->module_types & type_bit(BDK_BDEV_IO_TYPE_FLUSH)) == 0) return false;
    const Fua fua = io_type(type).fua;
    return fua == Fua::core || (fua == Fua::module_first && (bdev->flags & BDK_BDEV_FUA) == 0);
}

void set_io_types(Bdev* bdev, uint32_t abi_minor) {
    bool dynamic = (bdev->flags & BDK_BDEV_DYNAMIC_IO_TYPES) != 0;
    const uint64_t known = types_of_minor(abi_minor);
    const uint64_t declared = bdev->config.io_type_supported & known;
    bdev->module_types = declared == 0 ? known : declared;
    bdev->module_flags = io_flags_of_minor(abi_minor);
    if (!dynamic && bdev->fn.io_type_supported != nullptr)
        for (uint32_t type = 1; type < io_type_count; type++)
            if (!bdev->fn.io_type_supported(bdev->config.ctxt, type)) bdev->module_types &= ~type_bit(type);

    bdev->io_types = bdev->module_types;
    bdev->core_types = type_bit(BDK_BDEV_IO_TYPE_RESET) | type_bit(BDK_BDEV_IO_TYPE_ABORT);
    for (uint32_t type = 1; type < io_type_count; type++) {
        uint64_t needs = io_type(type).made_from;
        bool possible = needs != 0 && (bdev->module_types & needs) == needs;
        if (!possible || (!dynamic && (bdev->module_types & type_bit(type)) != 0)) continue;
        bdev->io_types |= type_bit(type);
        bdev->core_types |= type_bit(type);
    }
    uint64_t with_steps = limited_types(bdev);
    for (uint32_t type = 1; type < io_type_count; type++)
        if (is_flushed_for_fua(bdev, type)) with_steps |= type_bit(type);
    bdev->core_types |= with_steps & bdev->io_types;
}

bool Bdev::emulates(uint32_t type) const noexcept {
    if ((core_types & type_bit(type)) == 0 || supports_natively(type)) return false;
    uint64_t needs = io_type(type).made_from;
    return needs != 0 && has_all(this, needs);
}

uint32_t Bdev::acwu() const noexcept {
    const bool said = config.acwu != 0 && config.acwu != UINT32_MAX;
    return said ? config.acwu : std::max(1u, config.write_unit_size);
}

uint32_t Bdev::max_compare_and_write() const noexcept {
    if (config.acwu != 0) return config.acwu;
    // The core locks the whole range, however long it is.
    return emulates(BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE) ? UINT32_MAX : acwu();
}

bool Bdev::supports_dynamic(uint32_t type) const noexcept {
    return supports_natively(type) || emulates(type);
}

}  // namespace bdk
