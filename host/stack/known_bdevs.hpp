// SPDX-License-Identifier: BSD-3-Clause
// The names of the bdevs in a stack, as far as the file and the modules' tables determine them.
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

/// The bdevs that a base or an export may name. Most modules make one bdev with the name in the file. A
/// module whose table has a part_suffix makes several bdevs, but none of that name: `d` of split makes dp0,
/// dp1 and so on. Further bdevs, such as diskp1, come from a module that examines the contents of a disk.
class KnownBdevs {
public:
    /// @param others_may_appear an examine may make bdevs of any name
    KnownBdevs(const std::vector<BdevSpec>& bdevs, bool others_may_appear);

    /// The file's bdev that makes the bdev `name`: that bdev itself, or the bdev of which it is a part. Empty
    /// when this is known only at run time.
    std::string maker_of(const std::string& name) const;

    /// Like maker_of(), but reports a problem when there will be no such bdev.
    std::string check(const std::string& name, Location at, Problems& problems) const;

    /// Reports bdevs of the file that have the name of another bdev's part, and parts whose names are too
    /// long.
    void check_parts(const std::vector<BdevSpec>& bdevs, Problems& problems) const;

private:
    /// A bdev of the file that is made in parts.
    struct Whole {
        std::string name;
        std::string module;
        PartSuffix suffix;
        std::optional<uint64_t> count;  ///< number of its parts; empty: known only at run time
        Location at;

        std::string part(uint64_t index) const;
        /// "'dp0' to 'dp3'"
        std::string part_names() const;
    };

    /// The bdev of which this name would be a part, with any number.
    const Whole* whole_of(std::string_view name) const;
    /// Whether a part of that number will or may exist.
    static bool has_part(const Whole& whole, std::string_view name);
    /// Whether the name is that of a bdev of the file followed by one or more suffixes of a letter and a
    /// number, such as diskp1 or Nvme0n1p2.
    bool is_named_after_one(std::string_view name) const;
    std::vector<std::string> candidates() const;

    std::unordered_set<std::string> names_;          ///< names of bdevs that are made with the file's name
    std::unordered_map<std::string, Whole> wholes_;  ///< by name
    bool others_may_appear_;
};

}  // namespace bdevkit::host
