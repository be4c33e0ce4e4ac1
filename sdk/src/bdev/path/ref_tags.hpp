// SPDX-License-Identifier: BSD-3-Clause
// The reference tags of an I/O that is forwarded to other blocks. In types 1 and 2 they contain the block
// number.
#pragma once

#include "bdev/model/bdev_io.hpp"

namespace bdk {

/// Adapts the tags in data to be written or compared to the blocks that the I/O has been shifted to, by
/// `delta`. False if the tags were already wrong: then the I/O has the status, and its buffers are unchanged.
bool io_fit_ref_tags(BdevIo* io, int64_t delta);

/// The reverse, for an I/O that has completed and been shifted back. Data that were read get the tags of the
/// blocks that the submitter asked for; otherwise the I/O fails.
void io_restore_ref_tags(BdevIo* io, int64_t delta);

/// Changes the tags in the buffers from those of the blocks at `from` to those of the blocks at `to`. False
/// if they were not those of `from`: then the I/O has the status, and its buffers are unchanged.
bool io_remap_ref_tags(BdevIo* io, uint64_t from, uint64_t to);

}  // namespace bdk
