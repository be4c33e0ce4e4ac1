// SPDX-License-Identifier: BSD-3-Clause
// What is refused before a module sees it.
#pragma once

#include <bdevkit/desc.h>

#include "bdev/model/bdev.hpp"
#include "bdev/model/bdev_io.hpp"
#include "bdev/model/channel.hpp"
#include "thread/place.hpp"

namespace bdk {

/// The bdev channel of `desc` behind `ch`. @return 0; -EINVAL (wrong thread, reported; not a channel of the
/// desc); -ENODEV (desc closed).
int validate_channel(bdk_bdev_desc* desc, bdk_io_channel* ch, BdevChannel** result, AbiCall call);

/// Whether an I/O of that type may go to the channel now. @return 0; -EBADF (desc is read-only); -ENOTSUP.
int validate_type(const BdevChannel* ch, uint32_t type);

/// @return 0 when the range is not empty and inside the bdev; -EINVAL.
int validate_range(const BdevChannel* ch, uint64_t offset_blocks, uint64_t num_blocks);

/// Whether the zones of a zone management I/O are zones of the bdev. @return 0 or -EINVAL.
int validate_zones(const BdevChannel* ch, const BdevIo* io);

/// As validate_range(), for a compare-and-write: no more blocks than are compared and written as one.
int validate_compare_and_write(const BdevChannel* ch, uint64_t offset_blocks, uint64_t num_blocks);

/// Whether an I/O on the slow path fits its layer. What is written, or emulated by writes, is made of whole
/// write units where the module insists on them, and a zone append is short enough. @return 0; -EINVAL;
/// -ENOTSUP for a type that has no form without metadata, on a channel that hides them.
int validate_entry(const BdevIo* io);

/// Type and range of a filled I/O, as it would enter `ch`.
int validate_io(const BdevChannel* ch, const BdevIo* io);

}  // namespace bdk
