// SPDX-License-Identifier: BSD-3-Clause
// The kinds of frontends that the host has.
#include <algorithm>

#include "frontends/nbd/nbd_config.hpp"
#include "stack/frontend_kind.hpp"

namespace bdevkit::host {

std::span<const FrontendKind* const> frontend_kinds() {
    static constexpr const FrontendKind* kinds[] = {&nbd_kind};
    return kinds;
}

const FrontendKind* find_frontend_kind(const std::string& name) {
    const auto kinds = frontend_kinds();
    const auto found = std::find_if(kinds.begin(), kinds.end(),
                                    [&](const FrontendKind* kind) { return kind->name == name; });
    return found == kinds.end() ? nullptr : *found;
}

}  // namespace bdevkit::host
