// SPDX-License-Identifier: BSD-3-Clause
// A stack file is read in two steps, for only the first says where the plugins are that the second needs.
#pragma once

#include <filesystem>
#include <string>

#include "loader/module_source.hpp"
#include "runtime/runtime.hpp"
#include "stack/node.hpp"
#include "stack/problem.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// What can be known of a file without any module.
struct StackFile {
    std::string name;              ///< as the user gave it; in every message
    std::filesystem::path folder;  ///< absolute; relative paths start here
    ConfigNodePtr root;            ///< nullptr when the file is not a YAML map
    bdk::RuntimeOptions host;
    PluginSettings plugins;
};

/// Step one. `name` "-" reads standard input.
StackFile read_stack_file(const std::string& name, Problems& problems);

/// Step one, for a text.
StackFile parse_stack_file(const std::string& text, std::string name, std::filesystem::path folder,
                           Problems& problems);

/// Step two. Problems are added to those of step one; with any, the stack must not be built.
/// @param modules  what it finds must outlive the stack
Stack resolve_stack(const StackFile& file, const ModuleSource& modules, Problems& problems);

}  // namespace bdevkit::host
