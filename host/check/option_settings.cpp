// SPDX-License-Identifier: BSD-3-Clause
#include "check/option_settings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "check/recorder.hpp"
#include "stack/problem.hpp"

namespace bdevkit::host {

namespace {

constexpr uint64_t usual_size = 64ull << 20;

bool is_number(const bdk_option& option) {
    return option.type == BDK_OPTION_U32 || option.type == BDK_OPTION_U64 || option.type == BDK_OPTION_SIZE ||
           option.type == BDK_OPTION_DURATION;
}

/// A number as a user writes it.
std::string written(const bdk_option& option, uint64_t value) {
    return fmt::format("{}{}", value, option.type == BDK_OPTION_DURATION ? "ns" : "");
}

uint64_t largest(const bdk_option& option) {
    if (option.max != 0) return option.max;
    return option.type == BDK_OPTION_U32 ? UINT32_MAX : UINT64_MAX;
}

ConfigNodePtr node_of(const bdk_option* option, const Setting& setting) {
    if (option == nullptr || !is_list(*option)) return make_scalar(setting.values.back(), {});
    auto list = std::make_shared<ConfigNode>();
    list->kind = ConfigNode::Kind::list;
    for (const std::string& value : setting.values)
        list->items.push_back(make_scalar(value, {}));
    return list;
}

OptionStruct read(const ModuleInfo& module, const std::vector<Setting>& settings, Problems& problems) {
    const OptionTable table = option_table_of(module);
    std::vector<Member> members;
    members.reserve(settings.size());
    for (const Setting& setting : settings)
        members.push_back({setting.option, {}, node_of(table.find(setting.option), setting)});
    const OptionReader reader(table, "/", fmt::format("module '{}'", module.name));
    return reader.read(members, {}, {}, problems);
}

}  // namespace

OptionStruct options_of(const ModuleInfo& module, const std::vector<Setting>& settings) {
    Problems problems;
    OptionStruct options = read(module, settings, problems);
    if (!problems.empty()) throw Broken{problems.sorted().front().message, "options that the table allows"};
    return options;
}

std::string why_refused(const ModuleInfo& module, const std::vector<Setting>& settings) {
    Problems problems;
    static_cast<void>(read(module, settings, problems));
    if (problems.empty()) return {};
    return problems.sorted().front().message;
}

std::string why_default_is_refused(const ModuleInfo& module, const bdk_option& option) {
    ModuleInfo alone = module;
    alone.options = {option};
    return why_refused(alone, {});
}

std::string plausible_value(const bdk_option& option) {
    if (option.default_value != nullptr && !is_list(option)) return option.default_value;
    switch (option.type) {
        case BDK_OPTION_BOOL:
            return "false";
        case BDK_OPTION_ENUM:
            return option.enum_values[0];
        case BDK_OPTION_UUID:
            return "6f1c8a52-3b7e-4d09-9a64-c5e2d1f08b37";
        case BDK_OPTION_SIZE:
            return written(option, std::clamp(usual_size, option.min, largest(option)));
        case BDK_OPTION_U32:
        case BDK_OPTION_U64:
        case BDK_OPTION_DURATION:
            return written(option, std::clamp<uint64_t>(1, option.min, largest(option)));
        default:
            return "check";
    }
}

std::vector<std::string> limit_values(const bdk_option& option) {
    if (option.type == BDK_OPTION_BOOL) return {"false", "true"};
    if (option.type == BDK_OPTION_ENUM) return option_enum_values(option);
    if (!is_number(option)) return {};
    return {written(option, option.min), written(option, largest(option))};
}

std::vector<std::string> forbidden_values(const bdk_option& option) {
    if (option.type == BDK_OPTION_BOOL) return {"perhaps"};
    if (option.type == BDK_OPTION_ENUM) return {"no-such-value"};
    if (option.type == BDK_OPTION_UUID) return {"1234"};
    if (!is_number(option)) return {};
    std::vector<std::string> values = {"none"};
    if (option.min > 0) values.push_back(written(option, option.min - 1));
    if (largest(option) != UINT64_MAX) values.push_back(written(option, largest(option) + 1));
    return values;
}

std::string describe(const std::vector<Setting>& settings) {
    std::string text;
    for (const Setting& setting : settings)
        for (const std::string& value : setting.values)
            text.append(text.empty() ? "" : ", ").append(setting.option).append("=").append(value);
    return text.empty() ? "no options" : text;
}

}  // namespace bdevkit::host
