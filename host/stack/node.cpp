// SPDX-License-Identifier: BSD-3-Clause
#include "stack/node.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace bdevkit::host {

std::string describe(const ConfigNode& node) {
    constexpr size_t shown = 60;
    switch (node.kind) {
        case ConfigNode::Kind::null:
            return "nothing";
        case ConfigNode::Kind::list:
            return "a list";
        case ConfigNode::Kind::map:
            return "a map";
        case ConfigNode::Kind::scalar:
            break;
    }
    if (node.text.size() > shown) return fmt::format("'{}...'", bdk::shortened(node.text, shown));
    return fmt::format("'{}'", node.text);
}

ConfigNodePtr make_scalar(std::string text, Location at) {
    auto node = std::make_shared<ConfigNode>();
    node->kind = ConfigNode::Kind::scalar;
    node->at = at;
    node->text = std::move(text);
    return node;
}

}  // namespace bdevkit::host
