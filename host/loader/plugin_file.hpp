// SPDX-License-Identifier: BSD-3-Clause
// Opening one plugin's file.
#pragma once

#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>

#include "loader/module_info.hpp"

namespace bdevkit::host {

struct PluginFile {
    boost::dll::shared_library library;
    ModuleInfo info;
};

/// [main thread] Opens a plugin that has passed the look: only root and the user can change it, and it is a
/// shared object for this machine with the entry symbol and our ABI major. The error is one line that says
/// why it is refused; unless it tells of undefined symbols or of the table's contents, no code of the file
/// has run.
tl::expected<PluginFile, std::string> open_plugin(const std::filesystem::path& file);

/// [main thread] Keeps the file mapped when its library is closed: its code may run yet.
void keep_mapped(const std::filesystem::path& file);

}  // namespace bdevkit::host
