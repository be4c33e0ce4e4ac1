// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/text.hpp"

namespace bdk {

/// Converts JSON to text, for every report and every answer. It throws only std::bad_alloc, whatever bytes
/// the strings hold: invalid UTF-8 becomes U+FFFD, a control character `\uXXXX`. @param indent blanks per
/// level; -1: all on one line
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
    return printable_json(json.dump(indent, ' ', false, Json::error_handler_t::replace));
}

}  // namespace bdk
