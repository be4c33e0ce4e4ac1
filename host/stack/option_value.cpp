// SPDX-License-Identifier: BSD-3-Clause
#include "stack/option_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid.hpp>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "base/text.hpp"
#include "stack/nearest.hpp"
#include "stack/quantity.hpp"

namespace bdevkit::host {

namespace {

using Stored = tl::expected<void, std::string>;

template <typename T>
void put(std::byte* to, const T& value) {
    std::memcpy(to, &value, sizeof value);
}

tl::unexpected<std::string> expected_but(const std::string& expected, const std::string& text) {
    return tl::unexpected(fmt::format("expected {}, got '{}'", expected, text));
}

Stored store_bool(const std::string& text, std::byte* to) {
    std::string word = text;
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool yes = word == "true" || word == "yes" || word == "on";
    const bool no = word == "false" || word == "no" || word == "off";
    if (!yes && !no) return expected_but("true or false", text);
    put(to, static_cast<uint8_t>(yes));
    return {};
}

Quantity parse_of_type(uint32_t type, const std::string& text) {
    switch (type) {
        case BDK_OPTION_SIZE:
            return parse_size(text);
        case BDK_OPTION_DURATION:
            return parse_duration(text);
        default:
            return parse_number(text);
    }
}

Stored store_number(const bdk_option& option, const std::string& text, std::byte* to) {
    const Quantity value = parse_of_type(option.type, text);
    if (!value) return expected_but(value.error(), text);
    if (*value < option.min || (option.max != 0 && *value > option.max)) {
        return expected_but(option_range(option), text);
    }
    if (option.type != BDK_OPTION_U32) {
        put(to, *value);
        return {};
    }
    if (*value > std::numeric_limits<uint32_t>::max()) return expected_but("a number below 2^32", text);
    put(to, static_cast<uint32_t>(*value));
    return {};
}

Stored store_enum(const bdk_option& option, const std::string& text, std::byte* to) {
    const std::vector<std::string> values = option_enum_values(option);
    const auto found = std::find(values.begin(), values.end(), text);
    if (found == values.end()) {
        const std::string near = nearest(text, values);
        const std::string meant = near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
        return tl::unexpected(
            fmt::format("expected one of {}, got '{}'{}", fmt::join(values, ", "), text, meant));
    }
    put(to, static_cast<uint32_t>(found - values.begin()));
    return {};
}

Stored store_uuid(const std::string& text, std::byte* to) {
    try {
        const boost::uuids::uuid uuid = boost::uuids::string_generator{}(text);
        std::memcpy(to, uuid.data, sizeof uuid.data);
        return {};
    } catch (const std::runtime_error&) {
        return expected_but("a UUID such as 01234567-89ab-cdef-0123-456789abcdef", text);
    }
}

Stored store_text(const bdk_option& option, const std::string& text, const std::filesystem::path& base_folder,
                  std::byte* to, OptionStruct& owner) {
    if (text.find('\0') != std::string::npos) return tl::unexpected(std::string("the text contains a NUL"));
    if (option.type != BDK_OPTION_STRING && text.empty()) {
        return tl::unexpected(std::string(option.type == BDK_OPTION_PATH ? "expected a path, got ''"
                                                                         : "expected a bdev's name, got ''"));
    }
    if (option.type == BDK_OPTION_BDEV) {
        if (text.size() > max_bdev_name)
            return tl::unexpected(fmt::format("the name of a bdev has at most {} bytes", max_bdev_name));
        if (const char* wrong = bdk::wrong_in_name(text); wrong != nullptr)
            return tl::unexpected(fmt::format("invalid name of a bdev: '{}' {}", text, wrong));
    }
    if (option.type == BDK_OPTION_PATH) {
        put(to, owner.keep((base_folder / text).lexically_normal().string()));
    } else {
        put(to, owner.keep(text));
    }
    return {};
}

Stored store_scalar(const bdk_option& option, const std::string& text,
                    const std::filesystem::path& base_folder, std::byte* to, OptionStruct& owner) {
    switch (option.type) {
        case BDK_OPTION_BOOL:
            return store_bool(text, to);
        case BDK_OPTION_ENUM:
            return store_enum(option, text, to);
        case BDK_OPTION_UUID:
            return store_uuid(text, to);
        case BDK_OPTION_STRING:
        case BDK_OPTION_PATH:
        case BDK_OPTION_BDEV:
            return store_text(option, text, base_folder, to, owner);
        default:
            return store_number(option, text, to);
    }
}

/// A secret's value must not reach a message.
std::string without_secret(const bdk_option& option, const std::string& message) {
    if (!is_secret(option)) return message;
    return fmt::format("its value, which is secret, is not a valid {}", option_type_name(option));
}

std::vector<ConfigNodePtr> split_default(const bdk_option& option) {
    std::vector<ConfigNodePtr> items;
    std::string_view rest = option.default_value;
    while (!rest.empty()) {
        const size_t comma = std::min(rest.find(','), rest.size());
        std::string_view item = rest.substr(0, comma);
        while (item.starts_with(' '))
            item.remove_prefix(1);
        while (item.ends_with(' '))
            item.remove_suffix(1);
        items.push_back(make_scalar(std::string(item), {}));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return items;
}

/// The default value as a member, as if the user had written it.
Member default_member(const bdk_option& option) {
    if (!is_list(option)) return {option.name, {}, make_scalar(option.default_value, {})};
    auto list = std::make_shared<ConfigNode>();
    list->kind = ConfigNode::Kind::list;
    list->items = split_default(option);
    return {option.name, {}, std::move(list)};
}

void store_list(const bdk_option& option, const Member& member, const std::filesystem::path& base_folder,
                OptionStruct& owner, Problems& problems) {
    const std::vector<ConfigNodePtr>& items = member.value->items;
    if (items.empty() && is_required(option)) {
        problems.add(member.at, fmt::format("'{}': expected at least one element", option.name));
        return;
    }
    const size_t size = option_value_size(option.type, 0);
    std::byte* memory = owner.keep_list(size * items.size());
    for (size_t i = 0; i < items.size(); ++i) {
        if (!items[i]->is_scalar()) {
            problems.add(items[i]->at, fmt::format("'{}': expected {}, got {}", option.name,
                                                   option_expectation(option), describe(*items[i])));
            continue;
        }
        const Stored stored = store_scalar(option, items[i]->text, base_folder, memory + i * size, owner);
        if (!stored) {
            problems.add(items[i]->at,
                         fmt::format("'{}': {}", option.name, without_secret(option, stored.error())));
        }
    }
    put(owner.at(option.offset), bdk_option_list{memory, items.size()});
}

}  // namespace

OptionStruct::OptionStruct(size_t size) : storage_(new std::byte[std::max<size_t>(size, 1)]()) {}

const char* OptionStruct::keep(std::string text) {
    return strings_.emplace_back(std::move(text)).c_str();
}

std::byte* OptionStruct::keep_list(size_t bytes) {
    return lists_.emplace_back(new std::byte[std::max<size_t>(bytes, 1)]()).get();
}

OptionReader::OptionReader(OptionTable table, std::filesystem::path base_folder, std::string subject)
    : table_(table), base_folder_(std::move(base_folder)), subject_(std::move(subject)) {}

OptionStruct OptionReader::read(std::span<const Member> members, Location at,
                                const std::vector<std::string>& others, Problems& problems) const {
    OptionStruct result(table_.struct_size);
    report_unknown(members, others, problems);
    for (const bdk_option& option : table_.options) {
        const auto given = std::find_if(members.begin(), members.end(),
                                        [&](const Member& member) { return member.key == option.name; });
        if (given != members.end()) {
            store(option, *given, result, problems);
        } else if (option.default_value != nullptr) {
            Problems faults;
            store(option, default_member(option), result, faults);
            for (const Problem& fault : faults.sorted()) {
                problems.add(at, fmt::format("a fault in {}, in the default of {}", subject_, fault.message));
            }
        } else if (is_required(option)) {
            problems.add(at, fmt::format("{} needs '{}' ({})", subject_, option.name, option.help));
        }
    }
    return result;
}

void OptionReader::report_unknown(std::span<const Member> members, const std::vector<std::string>& others,
                                  Problems& problems) const {
    std::vector<std::string> known = table_.names();
    known.insert(known.end(), others.begin(), others.end());
    for (const Member& member : members) {
        if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
        problems.add(member.at, fmt::format("{} has no option '{}'{}", subject_, member.key,
                                            suggestion(member.key, known)));
    }
}

void OptionReader::store(const bdk_option& option, const Member& member, OptionStruct& result,
                         Problems& problems) const {
    const ConfigNode& value = *member.value;
    if (value.kind == ConfigNode::Kind::null) {
        const bool needed = is_required(option) && option.default_value == nullptr;
        problems.add(member.at,
                     fmt::format("'{}' has no value; expected {}{}", option.name,
                                 is_list(option) ? "a list (`[ ... ]`)" : option_expectation(option),
                                 needed ? "" : ", or leave the key out"));
    } else if (is_list(option) && value.is_list()) {
        store_list(option, member, base_folder_, result, problems);
    } else if (is_list(option)) {
        problems.add(value.at, fmt::format("'{}': expected a list (`[ ... ]`), got {}", option.name,
                                           is_secret(option) ? "something else" : describe(value)));
    } else if (!value.is_scalar()) {
        problems.add(value.at, fmt::format("'{}': expected {}, got {}", option.name,
                                           option_expectation(option), describe(value)));
    } else {
        const Stored stored =
            store_scalar(option, value.text, base_folder_, result.at(option.offset), result);
        if (!stored) {
            problems.add(value.at,
                         fmt::format("'{}': {}", option.name, without_secret(option, stored.error())));
        }
    }
}

}  // namespace bdevkit::host
