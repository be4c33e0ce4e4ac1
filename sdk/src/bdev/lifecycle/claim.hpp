// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "bdev/model/bdev.hpp"

namespace bdk {

/// [bdev's mutex held] Releases the claim that the desc holds, if any.
void release_claim_of(Bdev* bdev, const bdk_bdev_desc* desc);

}  // namespace bdk
