// SPDX-License-Identifier: BSD-3-Clause
#include "cli/output.hpp"
#include "stack/schema.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/plugin_list.hpp"
#include "cli/stack_loading.hpp"

namespace bdevkit::host {

namespace {

constexpr const char* schema_footer =
    "Prints a JSON Schema of stack files with the modules that were found, for editors that complete and\n"
    "check YAML.\n"
    "\n"
    "Example:\n"
    "  bdevkit schema > stack.schema.json\n"
    "For editors with yaml-language-server, the first line of a stack file:\n"
    "  # yaml-language-server: $schema=stack.schema.json";

}  // namespace

Command add_schema_command(CLI::App& program) {
    auto plugin_path = std::make_shared<std::vector<std::string>>();
    CLI::App* command = program.add_subcommand("schema", "Print the JSON Schema of stack files");
    command->footer(schema_footer);
    add_plugin_path_option(*command, *plugin_path);
    return {command, [plugin_path] {
                PluginLoader loader(plugin_search_path(*plugin_path, {}));
                list_plugins(loader);
                print_json(make_stack_schema(loader.modules()));
                return exit_ok;
            }};
}

}  // namespace bdevkit::host
