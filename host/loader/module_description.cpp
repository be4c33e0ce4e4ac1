// SPDX-License-Identifier: BSD-3-Clause
#include "loader/module_description.hpp"

#include <nlohmann/json.hpp>

namespace bdevkit::host {

namespace {

using Json = nlohmann::json;

Json text_json(const char* text) {
    return text == nullptr ? Json() : Json(text);
}

Json option_json(const bdk_option& option) {
    Json choices = Json::array();
    if (option.type == BDK_OPTION_ENUM)
        for (const char* const* value = option.enum_values; *value != nullptr; ++value)
            choices.push_back(*value);
    return {{"name", text_json(option.name)},
            {"type", option.type},
            {"flags", option.flags},
            {"offset", option.offset},
            {"help", text_json(option.help)},
            {"default", text_json(option.default_value)},
            {"min", option.min},
            {"max", option.max},
            {"choices", std::move(choices)}};
}

Json options_json(const std::vector<bdk_option>& options) {
    Json result = Json::array();
    for (const bdk_option& option : options)
        result.push_back(option_json(option));
    return result;
}

/// Placeholder for an examine_config in the other process.
void never_called(const bdk_module*, bdk_examine*, bdk_bdev*) {}

}  // namespace

Json describe_module(const ModuleInfo& info) {
    Json methods = Json::array();
    for (const MethodInfo& method : info.methods)
        methods.push_back(
            {{"name", method.name}, {"help", method.help}, {"params", options_json(method.params)}});
    return {{"name", info.name},
            {"abi_minor", info.abi_minor},
            {"flags", info.module->flags},
            {"version", info.version},
            {"description", info.description},
            {"author", info.author},
            {"license", info.license},
            {"has_create", info.has_create},
            {"examines", examines(info)},
            {"options", options_json(info.options)},
            {"methods", std::move(methods)}};
}

ModuleDescription::ModuleDescription(const Json& json) {
    table_ = {.size = sizeof(bdk_module), .flags = json.at("flags")};
    if (json.at("examines")) table_.examine_config = never_called;
    info_ = {.module = &table_,
             .abi_minor = json.at("abi_minor"),
             .name = json.at("name"),
             .version = json.at("version"),
             .description = json.at("description"),
             .author = json.at("author"),
             .license = json.at("license"),
             .has_create = json.at("has_create"),
             .options = options(json.at("options"))};
    for (const Json& method : json.at("methods"))
        info_.methods.push_back(
            {.name = method.at("name"), .help = method.at("help"), .params = options(method.at("params"))});
}

const char* ModuleDescription::keep(const Json& text) {
    return text.is_null() ? nullptr : strings_.emplace_back(text.get<std::string>()).c_str();
}

bdk_option ModuleDescription::option(const Json& json) {
    bdk_option option{};
    option.name = keep(json.at("name"));
    option.type = json.at("type");
    option.flags = json.at("flags");
    option.offset = json.at("offset");
    option.help = keep(json.at("help"));
    option.default_value = keep(json.at("default"));
    option.min = json.at("min");
    option.max = json.at("max");
    if (option.type == BDK_OPTION_ENUM) {
        std::vector<const char*>& choices = choices_.emplace_back();
        for (const Json& choice : json.at("choices"))
            choices.push_back(keep(choice));
        choices.push_back(nullptr);
        option.enum_values = choices.data();
    }
    return option;
}

std::vector<bdk_option> ModuleDescription::options(const Json& json) {
    std::vector<bdk_option> result;
    for (const Json& each : json)
        result.push_back(option(each));
    return result;
}

}  // namespace bdevkit::host
