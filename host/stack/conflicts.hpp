// SPDX-License-Identifier: BSD-3-Clause
// Conflicts between the bdevs and exports of a stack, found in the graph without creating a bdev.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "stack/problem.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// The write claims of the stack's bdevs, according to options with BDK_OPTION_CLAIMED.
class BaseClaims {
public:
    /// Reports bases with several claims.
    BaseClaims(const std::vector<BdevSpec>& bdevs, Problems& problems);

    /// Reports a writable export of a claimed bdev.
    void check_export(const std::string& bdev, bool read_only, Location at, Problems& problems) const;

private:
    struct Claim {
        std::string by;
        Location at;
    };
    std::unordered_map<std::string, Claim> claims_;  ///< by the name of the base
};

/// Reports bdevs with the same `uuid`.
void check_uuids(const std::vector<BdevSpec>& bdevs, Problems& problems);

}  // namespace bdevkit::host
