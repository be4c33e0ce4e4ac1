// SPDX-License-Identifier: BSD-3-Clause
// The options of a malloc disk.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <bit>

/// The values of the module's options; the table is in malloc.cpp.
struct MallocOptions {
    bdevkit::Size size;
    uint32_t block_size;
    bdk_uuid uuid;
    uint32_t physical_block_size;
    uint32_t optimal_io_boundary;
    uint32_t write_unit_size;
    uint32_t md_size;
    bool md_interleave;
    uint32_t dif_type;
    bool dif_is_head_of_md;
    uint32_t dif_pi_format;
    bool dif_check_app_tag;
};

/// Fills the fields common to all malloc disks; throws Error for invalid options.
inline void apply(const MallocOptions& given, bdk_bdev& bdev) {
    using bdevkit::Error, bdevkit::format;
    if (!std::has_single_bit(given.block_size))
        throw Error(EINVAL, format("block_size is %u: give a power of two", given.block_size));
    if (given.size % given.block_size != 0)
        throw Error(EINVAL, format("size is not a multiple of block_size %u", given.block_size));
    const uint32_t physical = given.physical_block_size;
    if (physical != 0 && (!std::has_single_bit(physical) || physical < given.block_size))
        throw Error(EINVAL,
                    format("physical_block_size is %u: give a power of two that is at least block_size %u",
                           physical, given.block_size));
    bdev.blocklen = given.block_size;
    bdev.blockcnt = given.size / given.block_size;
    bdev.uuid = given.uuid;
    bdev.flags = BDK_BDEV_FUA;
    bdev.phys_blocklen = physical;
    bdev.write_unit_size = given.write_unit_size;
    bdev.optimal_io_boundary = given.optimal_io_boundary;
    if (given.optimal_io_boundary != 0) bdev.flags |= BDK_BDEV_SPLIT_ON_OPTIMAL_IO_BOUNDARY;
}

/// [app thread] Creates a disk whose blocks have metadata. @return 0 or a negative errno; throws Error.
int create_with_metadata(const char* name, const MallocOptions& given);
