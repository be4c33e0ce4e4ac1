// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "bdev/model/bdev.hpp"

namespace bdk {

/// [bdev's mutex held] Releases what the desc holds.
void release_claim_of(Bdev* bdev, const bdk_bdev_desc* desc);

}  // namespace bdk
