// SPDX-License-Identifier: BSD-3-Clause
// The folders in which plugins are searched.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bdevkit::host {

struct SearchFolder {
    std::filesystem::path path;
    std::string origin;       ///< its origin, for messages: "--plugin-path", "BDEVKIT_PLUGIN_PATH", ...
    bool must_exist = false;  ///< the user named it, so a missing folder is reported
};

/// [any thread] The search path, in order: the folders of --plugin-path, of the stack's `plugins.path`, of
/// the environment variable BDEVKIT_PLUGIN_PATH (separated by colons), ~/.local/lib/bdevkit/plugins, and
/// bdevkit/plugins beside libbdevkit.so. A repeated folder is listed once. @param stack absolute paths: the
/// stack reader has resolved them against the stack file's folder
std::vector<SearchFolder> plugin_search_path(const std::vector<std::string>& command_line,
                                             const std::vector<std::string>& stack);

}  // namespace bdevkit::host
