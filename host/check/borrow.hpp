// SPDX-License-Identifier: BSD-3-Clause
// Zero-copy: memory that a bdev lends.
#pragma once

#include "check/transfer.hpp"

namespace bdevkit::host {

/// Borrows populated blocks (bdk_bdev_zcopy_start) and gives them back. Throws Broken when either fails, or
/// when the memory is not as long as the blocks.
/// @param put  what the blocks are to hold, by a commit; nullptr: they are only looked at
/// @return what the memory held
Bytes borrow(CheckClient& client, uint64_t block, uint64_t count, const Bytes* put = nullptr);

}  // namespace bdevkit::host
