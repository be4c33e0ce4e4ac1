// SPDX-License-Identifier: BSD-3-Clause
// Loads a stack file with its plugins, for run, validate and graph.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "loader/plugin_loader.hpp"
#include "stack/stack.hpp"
#include "stack/stack_file.hpp"

namespace bdevkit::host {

/// A loaded stack. It points into the loader's plugins.
struct LoadedStack {
    std::unique_ptr<PluginLoader> loader;
    StackFile file;
    Stack stack;
    Problems problems;

    bool valid() const { return problems.empty(); }
};

/// [main thread] Reads the file, discovers plugins, opens those that the file names and resolves the stack.
/// Each plugin whose file is refused is reported in a line on standard error, and is a problem if the stack
/// says `on_error: stop`. A plugin that cannot be opened is a problem at the place where the stack names its
/// module.
LoadedStack load_stack(const std::string& file, const std::vector<std::string>& plugin_path);

/// [main thread] Loads a stack from a text. `modules` are the program's own, in addition to those of plugins;
/// they outlive the result. @param name the stack's name in messages @param folder where relative paths start
LoadedStack load_stack_text(const std::string& text, std::string name, const std::filesystem::path& folder,
                            const std::vector<std::string>& plugin_path,
                            const std::vector<const bdk_module*>& modules);

/// Declares `STACK.yaml` and `--plugin-path`.
void add_stack_argument(CLI::App& command, std::string& file);
void add_plugin_path_option(CLI::App& command, std::vector<std::string>& plugin_path);

}  // namespace bdevkit::host
