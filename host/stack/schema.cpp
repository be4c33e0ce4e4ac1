// SPDX-License-Identifier: BSD-3-Clause
#include "stack/schema.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "stack/option_table.hpp"
#include "stack/sections.hpp"

namespace bdevkit::host {

namespace {

using Json = nlohmann::json;

Json number_schema(const bdk_option& option) {
    Json schema = {{"type", "integer"}, {"minimum", option.min}};
    if (option.max != 0) schema["maximum"] = option.max;
    return schema;
}

Json text_schema(const char* pattern) {
    return {{"type", "string"}, {"pattern", pattern}};
}

/// One value of the option's type.
Json value_schema(const bdk_option& option) {
    switch (option.type) {
        case BDK_OPTION_BOOL:
            return {{"type", "boolean"}};
        case BDK_OPTION_U32:
        case BDK_OPTION_U64:
            return number_schema(option);
        case BDK_OPTION_SIZE:
            return {{"anyOf",
                     {number_schema(option),
                      text_schema("^[0-9]+(\\.[0-9]+)? *([bB]|[kKmMgGtTpPeE]([iI]?[bB])?)?$")}}};
        case BDK_OPTION_DURATION:
            return text_schema("^(0|[0-9]+(\\.[0-9]+)? *(ns|us|µs|ms|s|m|min|h|d))$");
        case BDK_OPTION_ENUM:
            return {{"enum", option_enum_values(option)}};
        case BDK_OPTION_UUID:
            return text_schema("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$");
        case BDK_OPTION_BDEV:
            return {{"anyOf", {Json{{"type", "string"}}, Json{{"$ref", "#/definitions/nested_bdev"}}}}};
        default:
            return {{"type", {"string", "number", "boolean"}}};  // YAML reads `name: 1` as a number
    }
}

Json option_schema(const bdk_option& option) {
    Json schema = value_schema(option);
    if (is_list(option)) schema = {{"type", "array"}, {"items", std::move(schema)}};
    if (option.help != nullptr) schema["description"] = option.help;
    if (option.default_value != nullptr && !is_list(option)) schema["default"] = option.default_value;
    return schema;
}

Json map_schema(const OptionTable& table) {
    Json properties = Json::object();
    Json required = Json::array();
    for (const bdk_option& option : table.options) {
        properties[option.name] = option_schema(option);
        if (is_required(option) && option.default_value == nullptr) required.push_back(option.name);
    }
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"required", std::move(required)},
            {"additionalProperties", false}};
}

Json name_schema() {
    return {{"type", "string"}, {"minLength", 1}, {"maxLength", 255}, {"description", "The bdev's name."}};
}

Json module_schema(const ModuleInfo& module, bool nested) {
    Json schema = map_schema(option_table_of(module));
    schema["properties"]["name"] = name_schema();
    schema["properties"]["module"] = {{"const", module.name}, {"description", module.description}};
    schema["properties"]["qos"] = map_schema(qos_table());
    schema["properties"]["qos"]["description"] = "Rate limits of the bdev.";
    schema["required"].push_back("module");
    if (!nested) schema["required"].push_back("name");
    return schema;
}

/// A bdev is checked against the schema of the module it names, so that an editor's message is to the point.
Json bdev_schema(const std::vector<const ModuleInfo*>& modules, bool nested) {
    Json names = Json::array();
    Json cases = Json::array();
    for (const ModuleInfo* module : modules) {
        if (!module->has_create) continue;
        names.push_back(module->name);
        cases.push_back({{"if", {{"properties", {{"module", {{"const", module->name}}}}}}},
                         {"then", module_schema(*module, nested)}});
    }
    Json schema = {{"type", "object"},
                   {"properties", {{"module", {{"enum", std::move(names)}}}}},
                   {"required", {"module"}}};
    if (!cases.empty()) schema["allOf"] = std::move(cases);
    return schema;
}

Json nbd_schema() {
    Json schema = map_schema(nbd_table());
    schema["properties"]["exports"] = {
        {"type", "array"}, {"minItems", 1}, {"items", map_schema(nbd_export_table())}};
    schema["required"].push_back("exports");
    return schema;
}

}  // namespace

Json make_stack_schema(const std::vector<const ModuleInfo*>& modules) {
    const Json frontend = {{"type", "object"},
                           {"properties", {{"nbd", nbd_schema()}}},
                           {"minProperties", 1},
                           {"maxProperties", 1},
                           {"additionalProperties", false}};
    return {{"$schema", "http://json-schema.org/draft-07/schema#"},
            {"title", "bdevkit stack"},
            {"type", "object"},
            {"properties",
             {{"version", {{"const", 1}}},
              {"host", map_schema(host_section_table())},
              {"plugins", map_schema(plugins_section_table())},
              {"bdevs", {{"type", "array"}, {"items", {{"$ref", "#/definitions/bdev"}}}}},
              {"frontends", {{"type", "array"}, {"items", frontend}}}}},
            {"patternProperties", {{"^x-", Json::object()}}},
            {"required", {"version", "bdevs"}},
            {"additionalProperties", false},
            {"definitions",
             {{"bdev", bdev_schema(modules, false)}, {"nested_bdev", bdev_schema(modules, true)}}}};
}

}  // namespace bdevkit::host
