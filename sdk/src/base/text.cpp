// SPDX-License-Identifier: BSD-3-Clause
#include "base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace bdk {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

struct Character {
    char32_t code = 0;
    size_t bytes = 1;
    bool valid = false;
};

bool is_continuation(char byte) {
    return (static_cast<uint8_t>(byte) & 0xc0) == 0x80;
}

/// The length in bytes of a character that starts with this byte; 0 if no character starts with it.
size_t length_of(uint8_t first) {
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first < 0xe0) return 2;
    if (first >= 0xe0 && first < 0xf0) return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/// The first character of a text that is not empty. An invalid one has one byte.
Character first_of(std::string_view text) {
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const auto first = static_cast<uint8_t>(text.front());
    const size_t bytes = length_of(first);
    if (bytes == 1) return {first, 1, true};
    if (bytes == 0 || bytes > text.size()) return {};
    char32_t code = first & (0x7f >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if (!is_continuation(text[i])) return {};
        code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
    }
    const bool is_surrogate = code >= 0xd800 && code < 0xe000;
    if (code < least[bytes] || code > 0x10ffff || is_surrogate) return {};
    return {code, bytes, true};
}

bool is_control(char32_t code) {
    const auto is_in = [code](char32_t first, char32_t last) { return code >= first && code <= last; };
    return code < 0x20 || is_in(0x7f, 0x9f) || is_in(0x2028, 0x202e) || is_in(0x2066, 0x2069);
}

/// Calls visit(character, its bytes) for each character.
template <typename Visit>
void for_each_character(std::string_view text, Visit visit) {
    while (!text.empty()) {
        const Character character = first_of(text);
        visit(character, text.substr(0, character.bytes));
        text.remove_prefix(character.bytes);
    }
}

/// Valid UTF-8, with escaped(code, its bytes) in place of each control character.
template <typename Escape>
std::string rewrite(std::string_view text, Escape escaped) {
    if (std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; })) return std::string(text);
    std::string result;
    result.reserve(text.size());
    for_each_character(text, [&](const Character& character, std::string_view bytes) {
        if (!character.valid)
            result += replacement;
        else if (is_control(character.code))
            result += escaped(character.code, bytes);
        else
            result += bytes;
    });
    return result;
}

std::string in_hex(const char* format, char32_t code) {
    char text[16];
    std::snprintf(text, sizeof(text), format, static_cast<unsigned>(code));
    return text;
}

std::string escape(char32_t code) {
    if (code == '\n') return "\\n";
    if (code == '\t') return "\\t";
    if (code == '\r') return "\\r";
    return in_hex(code < 0x80 ? "\\x%02x" : "\\u%04x", code);
}

}  // namespace

std::string to_utf8(std::string_view text) {
    return rewrite(text, [](char32_t, std::string_view bytes) { return std::string(bytes); });
}

std::string printable(std::string_view text) {
    return rewrite(text, [](char32_t code, std::string_view) { return escape(code); });
}

std::string printable_lines(std::string_view text) {
    return rewrite(text, [](char32_t code, std::string_view bytes) {
        return code == '\n' || code == '\t' ? std::string(bytes) : escape(code);
    });
}

std::string printable_json(std::string_view json) {
    return rewrite(json, [](char32_t code, std::string_view bytes) {
        return code == '\n' ? std::string(bytes) : in_hex("\\u%04x", code);
    });
}

std::string_view shortened(std::string_view text, size_t bytes) {
    if (text.size() <= bytes) return text;
    while (bytes > 0 && is_continuation(text[bytes]))
        bytes--;
    return text.substr(0, bytes);
}

const char* wrong_in_name(std::string_view text) {
    const char* wrong = nullptr;
    for_each_character(text, [&](const Character& character, std::string_view) {
        if (!character.valid)
            wrong = "is not UTF-8";
        else if (is_control(character.code) && wrong == nullptr)
            wrong = "has a control character";
    });
    return wrong;
}

}  // namespace bdk
