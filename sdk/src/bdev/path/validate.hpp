// SPDX-License-Identifier: BSD-3-Clause
// The checks that an I/O must pass before a module sees it.
#pragma once

#include <bdevkit/desc.h>

#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"
#include "thread/place.hpp"

namespace bdk {

/// Bytes that struct bdk_bdev_zone_info had in ABI 1.0.
constexpr uint32_t zone_info_least = 32;

/// The bdev channel of `desc` behind `ch`. @return 0; -EINVAL (wrong thread, which is reported, or not a
/// channel of the desc); -ENODEV (desc closed).
int validate_channel(bdk_bdev_desc* desc, bdk_io_channel* ch, BdevChannel** result, AbiCall call);

/// Checks whether an I/O of that type may go to the channel now. @return 0; -EBADF (desc is read-only);
/// -ENOTSUP.
int validate_type(const BdevChannel* ch, uint32_t type);

/// Checks the options of an I/O of the type that enters at `ch`. @param opts  NULL for none
/// @return 0; -E2BIG (logged); -EINVAL, which is logged if this host does not know an option, and silent if
/// the type or the bdev does not have it.
int look_at_opts(const BdevChannel* ch, uint32_t type, const bdk_bdev_io_opts* opts);
inline int validate_opts(const BdevChannel* ch, uint32_t type, const bdk_bdev_io_opts* opts) {
    return opts == nullptr ? 0 : look_at_opts(ch, type, opts);
}

/// Checks a range. @return 0 if it is not empty and inside the bdev; -EINVAL.
int validate_range(const BdevChannel* ch, uint64_t offset_blocks, uint64_t num_blocks);

/// Checks the zones of a zone management I/O. @return 0 if they are zones of the bdev; -EINVAL.
int validate_zones(const BdevChannel* ch, const BdevIo* io);

/// Like validate_range(), for a compare-and-write, which may have at most
/// max_compare_and_write() blocks.
int validate_compare_and_write(const BdevChannel* ch, uint64_t offset_blocks, uint64_t num_blocks);

/// Checks an I/O on the slow path against its layer. A write, or an I/O emulated by writes, must consist of
/// whole write units if the module insists on them, and a zone append must be short enough. @return 0;
/// -EINVAL; -ENOTSUP for a type without a form for hidden metadata, on a channel that hides them.
int validate_entry(const BdevIo* io);

/// Checks type and range of a filled I/O as if it entered `ch`.
int validate_io(const BdevChannel* ch, const BdevIo* io);

}  // namespace bdk
