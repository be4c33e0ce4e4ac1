// SPDX-License-Identifier: BSD-3-Clause
#include "stack/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace bdevkit::host {

namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
    std::string_view name;
    uint64_t factor;
};

constexpr std::array<Unit, 7> size_units = {{{"B", 1},
                                             {"KiB", 1ull << 10},
                                             {"MiB", 1ull << 20},
                                             {"GiB", 1ull << 30},
                                             {"TiB", 1ull << 40},
                                             {"PiB", 1ull << 50},
                                             {"EiB", 1ull << 60}}};

constexpr std::array<Unit, 7> duration_units = {{{"ns", 1},
                                                 {"us", 1'000},
                                                 {"ms", 1'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"h", 3'600'000'000'000},
                                                 {"d", 86'400'000'000'000}}};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

/// An exact decimal number without sign or exponent, and the text after it.
struct Decimal {
    Wide digits = 0;   ///< the number times `scale`
    Wide scale = 1;    ///< a power of ten
    std::string rest;  ///< the unit, in lower case, without the blanks before it
    bool valid = false;
};

Decimal parse_decimal(std::string_view text) {
    constexpr size_t max_digits = 20;  // so that digits times factor fits in 128 bits
    Decimal result;
    size_t count = 0;
    bool fraction = false;
    size_t i = 0;
    for (; i < text.size(); ++i) {
        if (text[i] == '.' && !fraction && count > 0) {
            fraction = true;
            continue;
        }
        if (!is_digit(text[i])) break;
        if (++count > max_digits) return {};
        result.digits = result.digits * 10 + static_cast<unsigned>(text[i] - '0');
        if (fraction) result.scale *= 10;
    }
    result.valid = count > 0 && text[i - 1] != '.';
    while (i < text.size() && text[i] == ' ')
        ++i;
    result.rest = lower(text.substr(i));
    return result;
}

/// The number in the smallest unit, if it is a whole number and fits.
tl::expected<uint64_t, std::string> scale(const Decimal& number, uint64_t factor,
                                          std::string_view smallest_unit) {
    const Wide product = number.digits * factor;
    if (product % number.scale != 0) {
        return tl::unexpected(fmt::format("a whole number of {}", smallest_unit));
    }
    if (product / number.scale > std::numeric_limits<uint64_t>::max()) {
        return tl::unexpected(fmt::format("less than 2^64 {}", smallest_unit));
    }
    return static_cast<uint64_t>(product / number.scale);
}

uint64_t size_factor(const std::string& unit) {
    if (unit.empty()) return 1;
    for (const Unit& known : size_units) {
        const std::string full = lower(known.name);
        const bool plain_bytes = known.factor == 1;
        if (unit == full) return known.factor;
        if (!plain_bytes && (unit == full.substr(0, 1) || unit == full.substr(0, 1) + "b")) {
            return known.factor;
        }
    }
    return 0;
}

uint64_t duration_factor(const std::string& unit) {
    if (unit == "min") return duration_factor("m");
    if (unit == "µs") return duration_factor("us");
    for (const Unit& known : duration_units) {
        if (unit == known.name) return known.factor;
    }
    return 0;
}

std::string format_in_largest(uint64_t value, std::span<const Unit> units) {
    const Unit* best = &units.front();
    for (const Unit& unit : units) {
        if (value != 0 && value % unit.factor == 0) best = &unit;
    }
    return fmt::format("{}{}", value / best->factor, best->name);
}

}  // namespace

Quantity parse_number(std::string_view text) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const std::string_view digits = hex ? text.substr(2) : text;
    uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
    if (error == std::errc::result_out_of_range) return tl::unexpected(std::string("a number below 2^64"));
    if (error != std::errc{} || end != digits.data() + digits.size()) {
        return tl::unexpected(std::string("a whole number such as 8"));
    }
    return value;
}

Quantity parse_size(std::string_view text) {
    const Decimal number = parse_decimal(text);
    const uint64_t factor = size_factor(number.rest);
    if (!number.valid || factor == 0) {
        return tl::unexpected(std::string("a size such as 512, 4k or 64MiB"));
    }
    return scale(number, factor, "bytes");
}

Quantity parse_duration(std::string_view text) {
    const Decimal number = parse_decimal(text);
    const bool zero = number.valid && number.digits == 0 && number.rest.empty();
    if (zero) return 0;
    const uint64_t factor = duration_factor(number.rest);
    if (!number.valid || factor == 0) {
        return tl::unexpected(std::string("a duration with its unit, such as 10us, 5ms or 1.5s"));
    }
    return scale(number, factor, "nanoseconds");
}

std::string format_size(uint64_t bytes) {
    return bytes == 0          ? "0"
           : bytes % 1024 != 0 ? fmt::format("{}", bytes)
                               : format_in_largest(bytes, size_units);
}

std::string format_duration(uint64_t ns) {
    return ns == 0 ? "0" : format_in_largest(ns, duration_units);
}

}  // namespace bdevkit::host
