// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string_view>

namespace bdk {

/// "raid.so" of "/opt/plugins/raid.so".
constexpr std::string_view file_name_of(std::string_view path) noexcept {
    const size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace bdk
