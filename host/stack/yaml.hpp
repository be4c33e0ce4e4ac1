// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "stack/node.hpp"
#include "stack/problem.hpp"

namespace bdevkit::host {

/// Limits on the size of a file with all aliases expanded, so that no file exhausts memory or the machine
/// stack.
constexpr size_t yaml_max_nodes = 1'000'000;
constexpr size_t yaml_max_depth = 64;

/// Reads one YAML document. Duplicate keys and keys that are not scalars are problems, and reading goes on;
/// after a syntax error the result is nullptr. Anchors, aliases and merge keys (`<<`) are supported; an alias
/// inside its own anchor is a problem. The word `null` is a text, because it is the name of a module; an
/// empty value or `~` means null.
ConfigNodePtr parse_yaml(const std::string& text, Problems& problems);

}  // namespace bdevkit::host
