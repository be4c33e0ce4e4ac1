// SPDX-License-Identifier: BSD-3-Clause
#include "stack/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "stack/option_table.hpp"
#include "stack/sections.hpp"

namespace bdevkit::host {

namespace {

using Json = nlohmann::json;

/// Editors assign a type to plain words and numbers before they apply the schema, but the host reads them as
/// text. So each schema accepts every form in which an editor may see a value that the host accepts.
const Json any_scalar = {"string", "number", "boolean", "null"};

/// The text, and the value that YAML 1.1 or 1.2 makes of it without quotes.
Json forms_of(const std::string& text) {
    static const std::map<std::string, Json> words = {{"null", nullptr}, {"true", true}, {"false", false},
                                                      {"yes", true},     {"no", false},  {"on", true},
                                                      {"off", false},    {"y", true},    {"n", false}};
    Json forms = {text};
    if (const auto word = words.find(text); word != words.end()) forms.push_back(word->second);
    const Json number = Json::parse(text, nullptr, false);
    if (number.is_number()) forms.push_back(number);
    return forms;
}

Json forms_of(const std::vector<std::string>& texts) {
    Json forms = Json::array();
    for (const std::string& text : texts)
        for (const Json& form : forms_of(text))
            if (std::find(forms.begin(), forms.end(), form) == forms.end()) forms.push_back(form);
    return forms;
}

Json number_schema(const bdk_option& option) {
    Json schema = {{"type", "integer"}, {"minimum", option.min}};
    if (option.max != 0) schema["maximum"] = option.max;
    return schema;
}

Json text_schema(const char* pattern) {
    return {{"type", "string"}, {"pattern", pattern}};
}

Json any_of(Json one, Json other) {
    return {{"anyOf", {std::move(one), std::move(other)}}};
}

/// One value of the option's type.
Json value_schema(const bdk_option& option) {
    switch (option.type) {
        case BDK_OPTION_BOOL:
            return any_of(
                {{"type", "boolean"}},
                text_schema("^([tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yY][eE][sS]|[nN][oO]|[oO][nN]|"
                            "[oO][fF][fF])$"));
        case BDK_OPTION_U32:
        case BDK_OPTION_U64:
            return any_of(number_schema(option), text_schema("^([0-9]+|0[xX][0-9a-fA-F]+)$"));
        case BDK_OPTION_SIZE:
            return any_of(number_schema(option),
                          text_schema("^[0-9]+(\\.[0-9]+)? *([bB]|[kKmMgGtTpPeE]([iI]?[bB])?)?$"));
        case BDK_OPTION_DURATION:
            return any_of(
                {{"const", 0}},
                text_schema("^(0+(\\.0+)?|[0-9]+(\\.[0-9]+)? *([nNuUµmM]?[sS]|[mM]([iI][nN])?|[hH]|[dD]))$"));
        case BDK_OPTION_ENUM:
            return {{"enum", forms_of(option_enum_values(option))}};
        case BDK_OPTION_UUID:
            return any_of(text_schema("^\\{?[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\\}?$"),
                          {{"type", "number"}});
        case BDK_OPTION_BDEV:
            return any_of({{"type", any_scalar}}, {{"$ref", "#/definitions/nested_bdev"}});
        default:
            return {{"type", any_scalar}};
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

/// A section may be empty.
Json section_schema(const OptionTable& table) {
    Json schema = map_schema(table);
    schema["type"] = {"object", "null"};
    return schema;
}

Json name_schema() {
    return {{"type", any_scalar}, {"minLength", 1}, {"maxLength", 255}, {"description", "The bdev's name."}};
}

Json module_schema(const ModuleInfo& module, bool nested) {
    Json schema = map_schema(option_table_of(module));
    schema["properties"]["name"] = name_schema();
    schema["properties"]["module"] = {{"enum", forms_of(module.name)}, {"description", module.description}};
    schema["properties"]["qos"] = map_schema(qos_table());
    schema["properties"]["qos"]["description"] = "Rate limits of the bdev.";
    schema["required"].push_back("module");
    if (!nested) schema["required"].push_back("name");
    return schema;
}

/// A bdev is checked against the schema of its module, so that an editor's messages are precise.
Json bdev_schema(const std::vector<const ModuleInfo*>& modules, bool nested) {
    std::vector<std::string> names;
    Json cases = Json::array();
    for (const ModuleInfo* module : modules) {
        if (!module->has_create) continue;
        names.push_back(module->name);
        cases.push_back({{"if", {{"properties", {{"module", {{"enum", forms_of(module->name)}}}}}}},
                         {"then", module_schema(*module, nested)}});
    }
    Json schema = {{"type", "object"},
                   {"properties", {{"module", {{"enum", forms_of(names)}}}}},
                   {"required", {"module"}}};
    if (!cases.empty()) schema["allOf"] = std::move(cases);
    return schema;
}

Json frontend_schema(const FrontendKind& kind) {
    Json schema = map_schema(kind.options);
    schema["properties"]["exports"] = {
        {"type", "array"}, {"minItems", 1}, {"items", map_schema(export_table())}};
    schema["required"].push_back("exports");
    return schema;
}

}  // namespace

Json make_stack_schema(const std::vector<const ModuleInfo*>& modules) {
    Json kinds = Json::object();
    for (const FrontendKind* kind : frontend_kinds())
        kinds[kind->name] = frontend_schema(*kind);
    const Json frontend = {{"type", "object"},
                           {"properties", std::move(kinds)},
                           {"minProperties", 1},
                           {"maxProperties", 1},
                           {"additionalProperties", false}};
    return {{"$schema", "http://json-schema.org/draft-07/schema#"},
            {"title", "bdevkit stack"},
            {"type", "object"},
            {"properties",
             {{"version", {{"enum", forms_of("1")}}},
              {"host", section_schema(host_section_table())},
              {"plugins", section_schema(plugins_section_table())},
              {"bdevs", {{"type", "array"}, {"items", {{"$ref", "#/definitions/bdev"}}}}},
              {"frontends", {{"type", "array"}, {"items", frontend}}}}},
            {"patternProperties", {{"^x-", Json::object()}}},
            {"required", {"version", "bdevs"}},
            {"additionalProperties", false},
            {"definitions",
             {{"bdev", bdev_schema(modules, false)}, {"nested_bdev", bdev_schema(modules, true)}}}};
}

}  // namespace bdevkit::host
