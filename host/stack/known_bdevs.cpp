// SPDX-License-Identifier: BSD-3-Clause
#include "stack/known_bdevs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "stack/nearest.hpp"
#include "stack/option_table.hpp"

namespace bdevkit::host {

namespace {

constexpr uint64_t suggested_parts = 16;
/// With more bdevs, no suggestion is made, so that a file full of problems does not take too long.
constexpr size_t most_candidates = 5000;

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

/// A name that ends in a number without leading zeros.
struct Numbered {
    std::string_view head;
    uint64_t number = 0;
};

std::optional<Numbered> split_number(std::string_view name) {
    const size_t last = name.find_last_not_of("0123456789");
    const std::string_view digits = name.substr(last == std::string_view::npos ? 0 : last + 1);
    if (digits.empty() || digits.size() == name.size() || (digits.size() > 1 && digits[0] == '0'))
        return std::nullopt;
    Numbered result{name.substr(0, name.size() - digits.size())};
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), result.number);
    return error == std::errc{} ? std::optional(result) : std::nullopt;
}

/// The number of parts according to an option with BDK_OPTION_PARTS.
uint64_t parts_of(const bdk_option& option, const OptionStruct& options) {
    const auto value = [&]<typename T>(T) { return *reinterpret_cast<const T*>(options.at(option.offset)); };
    if (is_list(option)) return value(bdk_option_list{}).count;
    return option.type == BDK_OPTION_U32 ? value(uint32_t{}) : value(uint64_t{});
}

std::optional<uint64_t> count_parts(const BdevSpec& bdev) {
    uint64_t count = 0;
    for (const bdk_option& option : bdev.module->options)
        if ((option.flags & BDK_OPTION_PARTS) != 0) count = std::max(count, parts_of(option, bdev.options));
    return count != 0 ? std::optional(count) : std::nullopt;
}

}  // namespace

std::string KnownBdevs::Whole::part(uint64_t index) const {
    return fmt::format("{}{}{}", name, suffix.letters, suffix.first + index);
}

std::string KnownBdevs::Whole::part_names() const {
    if (!count) return fmt::format("'{}', '{}' and so on", part(0), part(1));
    return *count == 1 ? fmt::format("'{}'", part(0))
                       : fmt::format("'{}' to '{}'", part(0), part(*count - 1));
}

KnownBdevs::KnownBdevs(const std::vector<BdevSpec>& bdevs, bool others_may_appear)
    : others_may_appear_(others_may_appear) {
    for (const BdevSpec& bdev : bdevs) {
        if (bdev.name.empty()) continue;  // already reported
        if (bdev.module != nullptr && bdev.module->parts)
            wholes_.try_emplace(bdev.name, Whole{bdev.name, bdev.module->name, *bdev.module->parts,
                                                 count_parts(bdev), bdev.name_at});
        else
            names_.insert(bdev.name);
    }
}

std::string KnownBdevs::maker_of(const std::string& name) const {
    if (names_.contains(name)) return name;
    const Whole* whole = wholes_.contains(name) ? nullptr : whole_of(name);
    return whole != nullptr && has_part(*whole, name) ? whole->name : std::string{};
}

std::string KnownBdevs::check(const std::string& name, Location at, Problems& problems) const {
    std::string maker = maker_of(name);
    if (!maker.empty()) return maker;
    if (const auto whole = wholes_.find(name); whole != wholes_.end())
        problems.add(at, fmt::format("module '{}' does not make a bdev '{}', but {}; name one of these",
                                     whole->second.module, name, whole->second.part_names()));
    else if (const Whole* near = whole_of(name); near != nullptr)
        problems.add(at, fmt::format("no bdev '{}': module '{}' makes {} from '{}'", name, near->module,
                                     near->part_names(), near->name));
    else if (!others_may_appear_ && !is_named_after_one(name))
        problems.add(at, fmt::format("no bdev '{}' in this file{}", name, suggestion(name, candidates())));
    return maker;
}

void KnownBdevs::check_parts(const std::vector<BdevSpec>& bdevs, Problems& problems) const {
    for (const BdevSpec& bdev : bdevs) {
        const Whole* whole = names_.contains(bdev.name) ? whole_of(bdev.name) : nullptr;
        if (whole == nullptr || !whole->count || !has_part(*whole, bdev.name)) continue;
        problems.add(bdev.name_at,
                     fmt::format("bdev '{}' cannot have this name: module '{}' makes {} from '{}', at {}:{}",
                                 bdev.name, whole->module, whole->part_names(), whole->name, whole->at.line,
                                 whole->at.column));
    }
    for (const auto& [name, whole] : wholes_) {
        if (whole.part(whole.count.value_or(1) - 1).size() > max_bdev_name)
            problems.add(whole.at,
                         fmt::format("'{}' is too long for the suffix {}: a name has at most {} bytes", name,
                                     whole.suffix.letters + "N", max_bdev_name));
    }
}

const KnownBdevs::Whole* KnownBdevs::whole_of(std::string_view name) const {
    const auto numbered = split_number(name);
    if (!numbered) return nullptr;
    const std::string_view head = numbered->head;
    for (size_t letters = 1; letters < head.size() && is_lower(head[head.size() - letters]); letters++) {
        const auto whole = wholes_.find(std::string(head.substr(0, head.size() - letters)));
        if (whole != wholes_.end() && whole->second.suffix.letters == head.substr(head.size() - letters))
            return &whole->second;
    }
    return nullptr;
}

bool KnownBdevs::has_part(const Whole& whole, std::string_view name) {
    const uint64_t number = split_number(name)->number;
    return number >= whole.suffix.first && (!whole.count || number - whole.suffix.first < *whole.count);
}

bool KnownBdevs::is_named_after_one(std::string_view name) const {
    while (const auto numbered = split_number(name)) {
        const std::string_view head = numbered->head;
        if (head.size() < 2 || !is_lower(head.back())) return false;
        name = head.substr(0, head.size() - 1);
        if (names_.contains(std::string(name))) return true;
        if (const Whole* whole = whole_of(name); whole != nullptr) return has_part(*whole, name);
    }
    return false;
}

std::vector<std::string> KnownBdevs::candidates() const {
    if (names_.size() + wholes_.size() > most_candidates) return {};
    std::vector<std::string> result(names_.begin(), names_.end());
    for (const auto& [name, whole] : wholes_)
        for (uint64_t i = 0; i < std::min(whole.count.value_or(1), suggested_parts); i++)
            result.push_back(whole.part(i));
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
}

}  // namespace bdevkit::host
