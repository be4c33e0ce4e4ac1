// SPDX-License-Identifier: BSD-3-Clause
// What the bdevs of a stack are called, as far as the file and the modules' tables tell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "stack/problem.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// The bdevs that a base or an export may name. Most modules make one bdev, called as the file says. A module
/// whose table has a part_suffix makes several and none of that name: `d` of split makes dp0, dp1 and so on.
/// Beside them stand bdevs that a module's examine makes of what is on a disk, such as diskp1.
class KnownBdevs {
public:
    /// @param others_may_appear  some module's examine may make bdevs of any name
    KnownBdevs(const std::vector<BdevSpec>& bdevs, bool others_may_appear);

    /// The file's bdev that makes the bdev `name`: itself, or the one whose part it is. Empty when that shows
    /// only at run time.
    std::string maker_of(const std::string& name) const;

    /// As maker_of(); it is a problem when there will be no such bdev.
    std::string check(const std::string& name, Location at, Problems& problems) const;

    /// Bdevs of the file with the name of another one's part are problems; so are parts whose names are too
    /// long.
    void check_parts(const std::vector<BdevSpec>& bdevs, Problems& problems) const;

private:
    /// A bdev of the file that is made as parts.
    struct Whole {
        std::string name;
        std::string module;
        PartSuffix suffix;
        std::optional<uint64_t> count;  ///< of its parts; without one that shows at run time
        Location at;

        std::string part(uint64_t index) const;
        /// "'dp0' to 'dp3'"
        std::string part_names() const;
    };

    /// The bdev of which this would be a part, whatever its number.
    const Whole* whole_of(std::string_view name) const;
    /// Whether a part of that number is made, or may be.
    static bool has_part(const Whole& whole, std::string_view name);
    /// Whether it is named after a bdev of the file, or after one that is named so: by a letter and a number
    /// behind it, as diskp1 or Nvme0n1p2.
    bool is_named_after_one(std::string_view name) const;
    std::vector<std::string> candidates() const;

    std::unordered_set<std::string> names_;          ///< of bdevs that are made as the file calls them
    std::unordered_map<std::string, Whole> wholes_;  ///< by name
    bool others_may_appear_;
};

}  // namespace bdevkit::host
