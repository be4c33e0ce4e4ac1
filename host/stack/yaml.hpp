// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "stack/node.hpp"
#include "stack/problem.hpp"

namespace bdevkit::host {

/// Bounds on what a file may hold, aliases expanded, so that no file exhausts memory or the machine stack.
constexpr size_t yaml_max_nodes = 1'000'000;
constexpr size_t yaml_max_depth = 64;

/// Reads one YAML document. Duplicate keys and keys that are not scalars are problems, and the rest is read
/// on; after an error of syntax the result is nullptr. Anchors, aliases and merge keys (`<<`) work; an alias
/// inside its own anchor is a problem. The word `null` is a text, for it is the name of a module; nothing is
/// an empty value or `~`.
ConfigNodePtr parse_yaml(const std::string& text, Problems& problems);

}  // namespace bdevkit::host
