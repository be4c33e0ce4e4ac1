// SPDX-License-Identifier: BSD-3-Clause
// Draws a stack: frontends on top, bases below.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "stack/stack.hpp"

namespace bdevkit::host {

/// A tree for a terminal. A bdev that several bdevs or exports share is drawn below each of them.
std::string draw_text(const Stack& stack);

/// A digraph for Graphviz's dot.
std::string draw_dot(const Stack& stack);

/// A flowchart for Mermaid, as Markdown viewers draw it.
std::string draw_mermaid(const Stack& stack);

/// {"bdevs": [{"name", "module", "options", "bases"}], "frontends": [...]}
nlohmann::json graph_to_json(const Stack& stack);

}  // namespace bdevkit::host
