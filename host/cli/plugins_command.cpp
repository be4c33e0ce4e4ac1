// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/plugin_list.hpp"
#include "cli/stack_loading.hpp"
#include "stack/nearest.hpp"
#include "stack/option_table.hpp"

namespace bdevkit::host {

namespace {

constexpr const char* plugins_footer =
    "Without NAME, lists the modules of all plugins in the search path, and refused plugins with the\n"
    "reason. With NAME, shows that module, its options in a stack, and the methods that Python may call.\n"
    "A separate process opens the plugins, so a plugin that crashes, ends the process or hangs is only\n"
    "listed as refused.\n"
    "\n"
    "Examples:\n"
    "  bdevkit plugins\n"
    "  bdevkit plugins malloc\n"
    "  bdevkit plugins --json | jq -r '.plugins[].name'";

struct PluginsOptions {
    std::string name;
    std::vector<std::string> plugin_path;
    bool json = false;
    std::vector<std::string> describe;  ///< see plugin_list.hpp
};

const char* state_name(PluginState state) {
    switch (state) {
        case PluginState::found:
        case PluginState::usable:
        case PluginState::loaded:
            return "usable";
        case PluginState::shadowed:
            return "shadowed";
        case PluginState::refused:
            break;
    }
    return "refused";
}

nlohmann::json option_json(const bdk_option& option) {
    nlohmann::json json = {{"name", option.name},
                           {"type", option_type_name(option)},
                           {"required", is_required(option)},
                           {"help", option.help != nullptr ? option.help : ""}};
    if (option.default_value != nullptr) json["default"] = option.default_value;
    if (option.min != 0) json["min"] = option.min;
    if (option.max != 0) json["max"] = option.max;
    if (option.type == BDK_OPTION_ENUM) json["values"] = option_enum_values(option);
    if (is_secret(option)) json["secret"] = true;
    return json;
}

nlohmann::json options_json(const std::vector<bdk_option>& options) {
    nlohmann::json json = nlohmann::json::array();
    for (const bdk_option& option : options)
        json.push_back(option_json(option));
    return json;
}

nlohmann::json methods_json(const ModuleInfo& info) {
    nlohmann::json json = nlohmann::json::array();
    for (const MethodInfo& method : info.methods)
        json.push_back(
            {{"name", method.name}, {"help", method.help}, {"params", options_json(method.params)}});
    return json;
}

nlohmann::json plugin_json(const Plugin& plugin) {
    nlohmann::json json = {{"path", plugin.path.string()}, {"state", state_name(plugin.state)}};
    if (!plugin.reason.empty()) json["reason"] = plugin.reason;
    if (plugin.state != PluginState::usable) return json;
    const ModuleInfo& info = plugin.info;
    json["name"] = info.name;
    json["version"] = info.version;
    json["abi"] = fmt::format("{}.{}", BDK_ABI_MAJOR, info.abi_minor);
    json["description"] = info.description;
    json["author"] = info.author;
    json["license"] = info.license;
    json["examines"] = examines(info);
    json["options"] = options_json(info.options);
    json["methods"] = methods_json(info);
    return json;
}

void print_list_json(const PluginLoader& loader) {
    nlohmann::json plugins = nlohmann::json::array();
    for (const Plugin& plugin : loader.plugins())
        plugins.push_back(plugin_json(plugin));
    nlohmann::json folders = nlohmann::json::array();
    for (const SearchFolder& folder : loader.search_path()) {
        folders.push_back({{"path", folder.path.string()}, {"origin", folder.origin}});
    }
    const nlohmann::json result = {{"plugins", std::move(plugins)}, {"search_path", std::move(folders)}};
    print_json(result);
}

void print_usable(const PluginLoader& loader) {
    const std::vector<const ModuleInfo*> modules = loader.modules();
    size_t name_width = 6;
    size_t version_width = 7;
    for (const ModuleInfo* module : modules) {
        name_width = std::max(name_width, module->name.size());
        version_width = std::max(version_width, bdk::printable(module->version).size());
    }
    print_out("{:<{}}  {:<{}}  ABI  description\n", "module", name_width, "version", version_width);
    for (const ModuleInfo* module : modules) {
        print_out("{:<{}}  {:<{}}  {}.{}  {}\n", module->name, name_width, bdk::printable(module->version),
                  version_width, BDK_ABI_MAJOR, module->abi_minor, bdk::printable(module->description));
    }
}

void print_others(const PluginLoader& loader, PluginState state, const char* title) {
    std::string last;  // a file of several modules may be refused for all of them
    for (const Plugin& plugin : loader.plugins()) {
        if (plugin.state != state) continue;
        const std::string line = bdk::printable(fmt::format("{}: {}", plugin.path.string(), plugin.reason));
        if (last.empty()) print_out("\n{}:\n", title);
        if (line != last) print_out("  {}\n", line);
        last = line;
    }
}

void print_list(const PluginLoader& loader) {
    print_usable(loader);
    print_others(loader, PluginState::refused, "refused");
    print_others(loader, PluginState::shadowed, "hidden by another plugin of the same name");
    print_out("\nsearched folders:\n");
    for (const SearchFolder& folder : loader.search_path()) {
        print_out("  {}  ({})\n", bdk::printable(folder.path.string()), folder.origin);
    }
    print_out("\n`bdevkit plugins NAME` shows the options of a module.\n");
}

/// "size, required, at least 512"
std::string option_facts(const bdk_option& option) {
    std::vector<std::string> facts = {option_type_name(option)};
    if (option.type == BDK_OPTION_ENUM) {
        facts.back() += fmt::format(" ({})", fmt::join(option_enum_values(option), ", "));
    }
    if (option.default_value != nullptr) {
        facts.push_back(fmt::format("default {}", option.default_value));
    } else if (is_required(option)) {
        facts.emplace_back("required");
    }
    if (const std::string range = option_range(option); !range.empty()) facts.push_back(range);
    if (is_secret(option)) facts.emplace_back("secret");
    return fmt::format("{}", fmt::join(facts, ", "));
}

/// An example bdev of the module with its required options, to copy into a stack.
std::string example_of(const ModuleInfo& module) {
    std::string text = fmt::format("- {{ name: my-{0}, module: {0}", module.name);
    for (const bdk_option& option : module.options) {
        if (!is_required(option) || option.default_value != nullptr) continue;
        text += fmt::format(", {}: ...", option.name);
    }
    return text + " }";
}

void print_options(const std::vector<bdk_option>& options, const char* margin) {
    for (const bdk_option& option : options) {
        print_out("{}{}: {}\n", margin, option.name, bdk::printable(option_facts(option)));
        if (option.help != nullptr) print_out("{}    {}\n", margin, option.help);
    }
}

void print_methods(const ModuleInfo& info) {
    if (info.methods.empty()) return;
    print_out("\nMethods, which Python's host.call() calls:\n");
    for (const MethodInfo& method : info.methods) {
        print_out("  {}: {}\n", method.name, method.help);
        print_options(method.params, "      ");
    }
}

/// How its bdevs are created.
void print_creation(const ModuleInfo& info) {
    if (!info.has_create) {
        print_out("\nIt makes its bdevs by examination; a stack does not name them.\n");
        return;
    }
    print_out("\nIn a stack:\n  {}\n", example_of(info));
    print_out("\n{}\n", info.options.empty() ? "It takes no options." : "Options:");
    print_options(info.options, "  ");
}

void print_one(const Plugin& plugin) {
    const ModuleInfo& info = plugin.info;
    print_out("{}\n", bdk::printable(fmt::format("{} {}: {}", info.name, info.version, info.description)));
    print_out("  file     {}\n", bdk::printable(plugin.path.string()));
    print_out("  ABI      {}.{}\n", BDK_ABI_MAJOR, info.abi_minor);
    if (!info.author.empty()) print_out("  author   {}\n", bdk::printable(info.author));
    if (!info.license.empty()) print_out("  license  {}\n", bdk::printable(info.license));
    print_creation(info);
    print_methods(info);
}

ExitCode show_one(const PluginLoader& loader, const PluginsOptions& options) {
    const Plugin* plugin = loader.find(options.name);
    if (plugin == nullptr) {
        std::vector<std::string> names;
        for (const ModuleInfo* module : loader.modules())
            names.push_back(module->name);
        print_error("{}{}\n", loader.why_missing(options.name), suggestion(options.name, names));
        return exit_usage;
    }
    if (options.json) {
        print_json(plugin_json(*plugin));
    } else {
        print_one(*plugin);
    }
    return exit_ok;
}

ExitCode plugins(const PluginsOptions& options) {
    if (!options.describe.empty()) {
        describe_plugins(options.describe);
        return exit_ok;
    }
    PluginLoader loader(plugin_search_path(options.plugin_path, {}));
    list_plugins(loader);
    if (!options.name.empty()) return show_one(loader, options);
    if (options.json) {
        print_list_json(loader);
    } else {
        print_list(loader);
    }
    return exit_ok;
}

}  // namespace

Command add_plugins_command(CLI::App& program) {
    auto options = std::make_shared<PluginsOptions>();
    CLI::App* command = program.add_subcommand("plugins", "List the plugins, or show one module");
    command->footer(plugins_footer);
    command->add_option("NAME", options->name, "A module");
    add_plugin_path_option(*command, options->plugin_path);
    command->add_flag("--json", options->json, "Print JSON");
    // For the process that list_plugins() starts.
    command->add_option("--describe", options->describe)->group("");
    return {command, [options] { return plugins(*options); }};
}

}  // namespace bdevkit::host
