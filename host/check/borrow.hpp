// SPDX-License-Identifier: BSD-3-Clause
// Zero-copy: using memory that a bdev lends.
#pragma once

#include "check/transfer.hpp"

namespace bdevkit::host {

/// Borrows populated blocks (bdk_bdev_zcopy_start) and gives them back. Throws Broken when either fails, or
/// when the memory and the blocks differ in length. @param put new data for the blocks, committed; nullptr:
/// the blocks are only read @return the data that the memory held
Bytes borrow(CheckClient& client, uint64_t block, uint64_t count, const Bytes* put = nullptr);

}  // namespace bdevkit::host
