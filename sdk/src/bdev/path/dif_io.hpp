// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/bdev_module.h>
#include <bdevkit/dif.h>

namespace bdk {

/// The DIF context for the blocks of a bdev, beginning at block 0. `bdev` must have the host's struct size.
bdk_dif_ctx dif_ctx_of(const bdk_bdev& bdev);

/// True if the buffers of the I/O hold reference tags that contain the block number and have to be checked.
bool carries_ref_tags(const bdk_bdev_io* io);

/// The NVMe status of a failed check is a media error, with a separate code for each check.
constexpr uint32_t dif_error_sct = 2;

/// Logs the fault found in the I/O. @return the NVMe status code
uint32_t report_dif_error(const bdk_bdev_io* io, const bdk_dif_error& error);

}  // namespace bdk
