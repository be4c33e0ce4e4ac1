// SPDX-License-Identifier: BSD-3-Clause
// Where plugins are looked for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bdevkit::host {

struct SearchFolder {
    std::filesystem::path path;
    std::string origin;       ///< who named it, for messages: "--plugin-path", "BDEVKIT_PLUGIN_PATH", ...
    bool must_exist = false;  ///< the user named it, so that its absence is worth a line
};

/// [any thread] The search path, in order: the folders of --plugin-path, of the stack's `plugins.path`, of
/// the environment variable BDEVKIT_PLUGIN_PATH (separated by colons), ~/.local/lib/bdevkit/plugins, and
/// bdevkit/plugins beside libbdevkit.so. A folder that comes twice is listed once.
/// @param stack  absolute: the reader of the stack has resolved them against the stack file's folder
std::vector<SearchFolder> plugin_search_path(const std::vector<std::string>& command_line,
                                             const std::vector<std::string>& stack);

}  // namespace bdevkit::host
