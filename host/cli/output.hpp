// SPDX-License-Identifier: BSD-3-Clause
// How commands print. What they print holds text that others wrote (an author's strings, names of files, a
// plugin's last words), so it goes to a stream here and nowhere else.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace bdevkit::host {

/// Writes to standard output. Line ends and tabs stay, other control characters are escaped, and what is not
/// UTF-8 is replaced. Throws std::system_error.
void write_out(std::string_view text);

/// The same for standard error, after what the log says so far: it often says why.
void write_error(std::string_view text);

template <typename... Args>
void print_out(fmt::format_string<Args...> format, Args&&... args) {
    write_out(fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void print_error(fmt::format_string<Args...> format, Args&&... args) {
    write_error(fmt::format(format, std::forward<Args>(args)...));
}

/// A document of several lines, or one line of many.
void print_json(const nlohmann::json& json);
void print_json(const nlohmann::ordered_json& json);
void print_json_line(const nlohmann::ordered_json& json);

}  // namespace bdevkit::host
