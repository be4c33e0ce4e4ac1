// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/claim.hpp"

namespace bdk {

const char* claim_type_name(uint32_t type) {
    switch (type) {
        case BDK_BDEV_CLAIM_EXCL_WRITE:
            return "exclusive write";
        case BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE:
            return "read many, write one";
        case BDK_BDEV_CLAIM_READ_MANY_WRITE_NONE:
            return "read many, write none";
        case BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED:
            return "read many, write shared";
        default:
            return "none";
    }
}

std::string describe_claim(const Claim& claim) {
    std::string text = std::string("it is claimed (") + claim_type_name(claim.type) + ") by ";
    for (size_t i = 0; i < claim.holders.size(); i++)
        text += (i == 0 ? "'" : ", '") + claim.holders[i].name + "'";
    return text;
}

}  // namespace bdk
