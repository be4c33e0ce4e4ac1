// SPDX-License-Identifier: BSD-3-Clause
#include "stack/option_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "stack/quantity.hpp"

namespace bdevkit::host {

namespace {

std::string format_bound(const bdk_option& option, uint64_t bound) {
    switch (option.type) {
        case BDK_OPTION_SIZE:
            return format_size(bound);
        case BDK_OPTION_DURATION:
            return format_duration(bound);
        default:
            return fmt::format("{}", bound);
    }
}

}  // namespace

const bdk_option* OptionTable::find(std::string_view name) const {
    const auto found = std::find_if(options.begin(), options.end(),
                                    [&](const bdk_option& option) { return name == option.name; });
    return found == options.end() ? nullptr : &*found;
}

std::vector<std::string> OptionTable::names() const {
    std::vector<std::string> result;
    result.reserve(options.size());
    for (const bdk_option& option : options)
        result.emplace_back(option.name);
    return result;
}

OptionTable option_table_of(const ModuleInfo& module) {
    return {module.options, module.options_struct_size};
}

OptionTable option_table_of(const MethodInfo& method) {
    return {method.params, method.method.params_struct_size};
}

std::vector<std::string> option_enum_values(const bdk_option& option) {
    std::vector<std::string> result;
    if (option.enum_values == nullptr) return result;
    for (const char* const* value = option.enum_values; *value != nullptr; ++value) {
        result.emplace_back(*value);
    }
    return result;
}

std::string option_type_name(const bdk_option& option) {
    static constexpr const char* names[] = {"",         "string", "bool", "u32",  "u64", "size",
                                            "duration", "enum",   "uuid", "path", "bdev"};
    const std::string name = option.type < std::size(names) ? names[option.type] : "unknown";
    return is_list(option) ? "list of " + name : name;
}

std::string option_expectation(const bdk_option& option) {
    switch (option.type) {
        case BDK_OPTION_STRING:
            return "a string";
        case BDK_OPTION_BOOL:
            return "true or false";
        case BDK_OPTION_SIZE:
            return "a size such as 64MiB";
        case BDK_OPTION_DURATION:
            return "a duration such as 10us";
        case BDK_OPTION_ENUM:
            return fmt::format("one of {}", fmt::join(option_enum_values(option), ", "));
        case BDK_OPTION_UUID:
            return "a UUID";
        case BDK_OPTION_PATH:
            return "a path";
        case BDK_OPTION_BDEV:
            return "the name of a bdev, or a bdev written in place";
        default:
            return "a whole number";
    }
}

std::string option_range(const bdk_option& option) {
    switch (option.type) {
        case BDK_OPTION_U32:
        case BDK_OPTION_U64:
        case BDK_OPTION_SIZE:
        case BDK_OPTION_DURATION:
            break;
        default:
            return {};
    }
    std::vector<std::string> bounds;
    if (option.min != 0) bounds.push_back("at least " + format_bound(option, option.min));
    if (option.max != 0) bounds.push_back("at most " + format_bound(option, option.max));
    return fmt::format("{}", fmt::join(bounds, ", "));
}

}  // namespace bdevkit::host
