// SPDX-License-Identifier: BSD-3-Clause
#include "stack/node.hpp"

#include <fmt/format.h>

namespace bdevkit::host {

std::string describe(const Node& node) {
    constexpr size_t shown = 60;
    switch (node.kind) {
        case Node::Kind::null:
            return "nothing";
        case Node::Kind::list:
            return "a list";
        case Node::Kind::map:
            return "a map";
        case Node::Kind::scalar:
            break;
    }
    if (node.text.size() > shown) return fmt::format("'{}...'", node.text.substr(0, shown));
    return fmt::format("'{}'", node.text);
}

NodePtr make_scalar(std::string text, Location at) {
    auto node = std::make_shared<Node>();
    node->kind = Node::Kind::scalar;
    node->at = at;
    node->text = std::move(text);
    return node;
}

}  // namespace bdevkit::host
