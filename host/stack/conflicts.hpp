// SPDX-License-Identifier: BSD-3-Clause
// What the bdevs and exports of a stack want from one another, checked on the graph: nothing is created for
// it.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "stack/problem.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// Who claims which bdev for writing: the options with BDK_OPTION_CLAIMED tell.
class BaseClaims {
public:
    /// Bases that several claim are problems.
    BaseClaims(const std::vector<BdevSpec>& bdevs, Problems& problems);

    /// An export that clients may write to is a problem when its bdev is claimed.
    void check_export(const std::string& bdev, bool read_only, Location at, Problems& problems) const;

private:
    struct Claim {
        std::string by;
        Location at;
    };
    std::unordered_map<std::string, Claim> claims_;  ///< by the name of the base
};

/// Bdevs with the same `uuid` are problems.
void check_uuids(const std::vector<BdevSpec>& bdevs, Problems& problems);

}  // namespace bdevkit::host
