// SPDX-License-Identifier: BSD-3-Clause
// Foreign text may hold any byte: an author's strings, a path, the output of a dying plugin. It goes to a
// log, a terminal or a report only through one of these functions, so that it cannot move a cursor, forge a
// log line or make invalid JSON.
//
// A control character here is one of U+0000 to U+001F, U+007F to U+009F, a line or paragraph separator
// (U+2028, U+2029), or a mark that turns the direction of text (U+202A to U+202E, U+2066 to U+2069).
#pragma once

#include <string>
#include <string_view>

#include "base/export.hpp"

namespace bdk {

/// The text with U+FFFD in place of each byte that is not part of valid UTF-8.
BDK_INTERNAL std::string to_utf8(std::string_view text);

/// Like to_utf8(), on one line: control characters are escaped as in C (`\n`, `\t`) or by their number
/// (`\x1b`, `\u202e`).
BDK_INTERNAL std::string printable(std::string_view text);

/// Like printable(), but line ends and tabs stay.
BDK_INTERNAL std::string printable_lines(std::string_view text);

/// JSON text with each control character replaced by the equivalent `\uXXXX`; line ends between values stay.
BDK_INTERNAL std::string printable_json(std::string_view json);

/// At most `bytes` bytes of the text, without cutting a character.
BDK_INTERNAL std::string_view shortened(std::string_view text, size_t bytes);

/// Why the text cannot be a name: "is not UTF-8", "has a control character"; nullptr when it can.
BDK_INTERNAL const char* wrong_in_name(std::string_view text);

}  // namespace bdk
