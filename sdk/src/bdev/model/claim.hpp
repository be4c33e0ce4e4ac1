// SPDX-License-Identifier: BSD-3-Clause
// Claims: the right to write to a bdev.
#pragma once

#include <bdevkit/claim.h>

#include <cstdint>
#include <string>
#include <vector>

struct bdk_bdev_desc;

namespace bdk {

/// A claim and its holders. A claim that a module holds as a whole has one holder, without a desc.
struct Claim {
    struct Holder {
        const bdk_bdev_desc* desc;
        std::string name;
        const bdk_module* module = nullptr;  ///< of a claim without a desc
    };
    uint32_t type = BDK_BDEV_CLAIM_NONE;
    uint64_t key = 0;
    std::vector<Holder> holders;
};

/// "it is claimed (exclusive write) by module 'passthru'"
std::string describe_claim(const Claim& claim);

/// "exclusive write", "read many, write one", ...
const char* claim_type_name(uint32_t type);

}  // namespace bdk
