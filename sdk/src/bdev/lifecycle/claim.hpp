// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "bdev/model/bdev.hpp"

namespace bdk {

/// "it is claimed (exclusive write) by module 'passthru'"
std::string describe_claim(const Claim& claim);

/// "exclusive write", "read many, write one", ...
const char* claim_type_name(uint32_t type);

/// [bdev's mutex held] Releases what the desc holds.
void release_claim_of(Bdev* bdev, const bdk_bdev_desc* desc);

}  // namespace bdk
