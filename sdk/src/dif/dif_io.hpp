// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/bdev_module.h>
#include <bdevkit/dif.h>

namespace bdk {

/// What there is in the blocks of a bdev from block 0 on. `bdev` has our size.
bdk_dif_ctx dif_ctx_of(const bdk_bdev& bdev);

}  // namespace bdk
