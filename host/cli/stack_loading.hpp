// SPDX-License-Identifier: BSD-3-Clause
// From the name of a stack file to a stack with its plugins: what run, validate and graph have in common.
#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "loader/plugin_loader.hpp"
#include "stack/stack.hpp"
#include "stack/stack_file.hpp"

namespace bdevkit::host {

/// The stack points into the loader's plugins.
struct LoadedStack {
    std::unique_ptr<PluginLoader> loader;
    StackFile file;
    Stack stack;
    Problems problems;

    bool valid() const { return problems.empty(); }
};

/// [main thread] Reads the file, discovers plugins, opens those that it names and resolves the stack. Plugins
/// that are refused at the look are a line on standard error each, and problems where the stack says
/// `on_error: stop`. One that cannot be opened is a problem where the stack names its module.
LoadedStack load_stack(const std::string& file, const std::vector<std::string>& plugin_path);

/// [main thread] The same for a text. `modules` are the program's own, beside those of plugins; they outlive
/// what is returned. @param name    what messages call it
/// @param folder  where relative paths start
LoadedStack load_stack_text(const std::string& text, std::string name, const std::filesystem::path& folder,
                            const std::vector<std::string>& plugin_path,
                            const std::vector<const bdk_module*>& modules);

/// Declares `STACK.yaml` and `--plugin-path`.
void add_stack_argument(CLI::App& command, std::string& file);
void add_plugin_path_option(CLI::App& command, std::vector<std::string>& plugin_path);

}  // namespace bdevkit::host
