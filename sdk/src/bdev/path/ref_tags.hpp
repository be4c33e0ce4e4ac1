// SPDX-License-Identifier: BSD-3-Clause
// The reference tags of an I/O that is forwarded to other blocks: of types 1 and 2 they tell the block.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// Makes the tags in what is written or compared fit the blocks that the I/O has been shifted to, by `delta`.
/// False if they were wrong before: the I/O has the status, and its buffers are as they were.
bool io_fit_ref_tags(BdevIo* io, int64_t delta);

/// The reverse, for an I/O that has completed and been shifted back. What was read has the tags of the blocks
/// that its submitter asked for, or the I/O has failed.
void io_restore_ref_tags(BdevIo* io, int64_t delta);

/// Makes the tags in the buffers those of the blocks from `to` on, where they are now of those from `from`
/// on. False if they are not: the I/O has the status, and its buffers are as they were.
bool io_remap_ref_tags(BdevIo* io, uint64_t from, uint64_t to);

}  // namespace bdk
