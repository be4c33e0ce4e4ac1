// SPDX-License-Identifier: BSD-3-Clause
// A stack file is read in two steps, because the first step yields the plugin path that the second needs.
#pragma once

#include <filesystem>
#include <string>

#include "loader/module_source.hpp"
#include "runtime/runtime.hpp"
#include "stack/node.hpp"
#include "stack/problem.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

/// The part of a file that can be read without any module.
struct StackFile {
    std::string name;              ///< as the user gave it; used in every message
    std::filesystem::path folder;  ///< absolute; relative paths start here
    ConfigNodePtr root;            ///< nullptr when the file is not a YAML map
    bdk::RuntimeOptions host;
    PluginSettings plugins;
};

/// Step one. `name` "-" reads standard input.
StackFile read_stack_file(const std::string& name, Problems& problems);

/// Step one for a text.
StackFile parse_stack_file(const std::string& text, std::string name, std::filesystem::path folder,
                           Problems& problems);

/// Step two. It adds its problems to those of step one; if there are any, the stack must not be built. @param
/// modules the modules that it returns must outlive the stack
Stack resolve_stack(const StackFile& file, const ModuleSource& modules, Problems& problems);

}  // namespace bdevkit::host
