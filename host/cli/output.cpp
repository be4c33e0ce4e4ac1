// SPDX-License-Identifier: BSD-3-Clause
#include "cli/output.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/text.hpp"
#include "json/json_text.hpp"
#include "log/log.hpp"

namespace bdevkit::host {

namespace {

constexpr int indent = 2;

void write(std::FILE* stream, const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stream) == text.size()) return;
    throw std::system_error(errno, std::generic_category(), "cannot write the output");
}

}  // namespace

void write_out(std::string_view text) {
    write(stdout, bdk::printable_lines(text));
}

void write_error(std::string_view text) {
    bdk::flush_log(bdk::time_for_last_words);
    write(stderr, bdk::printable_lines(text));
}

void print_json(const nlohmann::json& json) {
    write(stdout, bdk::json_text(json, indent) + "\n");
}

void print_json(const nlohmann::ordered_json& json) {
    write(stdout, bdk::json_text(json, indent) + "\n");
}

void print_json_line(const nlohmann::ordered_json& json) {
    write(stdout, bdk::json_text(json) + "\n");
}

}  // namespace bdevkit::host
