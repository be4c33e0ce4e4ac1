// SPDX-License-Identifier: BSD-3-Clause
// Output of commands. It contains text from elsewhere (an author's strings, file names, a plugin's output),
// so all of it goes through the functions here, which make it printable.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace bdevkit::host {

/// Writes to standard output. Line ends and tabs stay, other control characters are escaped, and invalid
/// UTF-8 is replaced. Throws std::system_error.
void write_out(std::string_view text);

/// Writes to standard error in the same way, after the log lines so far, which often explain the error.
void write_error(std::string_view text);

/// The end of a command: what was written so far reaches its destination. Throws std::system_error.
void flush_out();

/// For a program that serves meanwhile: writes to standard output at once, after the log so far, and waits no
/// longer than two seconds for a reader. @return false if not all of the text could be written; the log says
/// why.
bool write_out_now(std::string_view text);

template <typename... Args>
void print_out(fmt::format_string<Args...> format, Args&&... args) {
    write_out(fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void print_error(fmt::format_string<Args...> format, Args&&... args) {
    write_error(fmt::format(format, std::forward<Args>(args)...));
}

/// A document of several lines, or one line of a sequence.
void print_json(const nlohmann::json& json);
void print_json(const nlohmann::ordered_json& json);
void print_json_line(const nlohmann::ordered_json& json);

}  // namespace bdevkit::host
