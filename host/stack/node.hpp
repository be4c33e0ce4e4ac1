// SPDX-License-Identifier: BSD-3-Clause
// A stack file as a tree of values with their places, independent of YAML.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stack/problem.hpp"

namespace bdevkit::host {

struct ConfigNode;
/// Shared, because a YAML alias refers to the node of its anchor. The tree has no cycles.
using ConfigNodePtr = std::shared_ptr<const ConfigNode>;

/// A key of a map with its value.
struct Member {
    std::string key;
    Location at;  ///< of the key
    ConfigNodePtr value;
};

struct ConfigNode {
    enum class Kind { null, scalar, list, map };

    Kind kind = Kind::null;
    Location at;
    std::string text;                  ///< of a scalar, as written
    std::vector<ConfigNodePtr> items;  ///< of a list
    std::vector<Member> members;       ///< of a map; keys are unique

    bool is_scalar() const { return kind == Kind::scalar; }
    bool is_list() const { return kind == Kind::list; }
    bool is_map() const { return kind == Kind::map; }

    /// The member of a map, or nullptr.
    const Member* find(std::string_view key) const {
        for (const Member& member : members) {
            if (member.key == key) return &member;
        }
        return nullptr;
    }
};

/// "nothing", "a list", "a map" or the text in quotes, for messages "expected ..., got ...".
std::string describe(const ConfigNode& node);

/// Makes a scalar that was not read from a file.
ConfigNodePtr make_scalar(std::string text, Location at);

}  // namespace bdevkit::host
