// SPDX-License-Identifier: BSD-3-Clause
// One plugin's file: the look at it, and opening it.
#pragma once

#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>

#include "loader/elf_look.hpp"
#include "loader/module_info.hpp"

namespace bdevkit::host {

struct PluginFile {
    boost::dll::shared_library library;
    ModuleInfo info;
};

/// [any thread] Looks at a file that may be a plugin: only root and the user can change it and what it loads,
/// and it is a shared object for this machine with the entry symbol and our ABI major. No code of the file
/// runs. The error is one line that says why it is refused.
tl::expected<EntrySymbol, std::string> look_at_file(const std::filesystem::path& file);

/// [main thread] Looks at the file, and opens it. Its constructors run. If they do not return, the log names
/// the file; if they end the process, standard error does. The error is one line that says why it is refused.
tl::expected<PluginFile, std::string> open_plugin(const std::filesystem::path& file);

/// [main thread] Keeps the file mapped when its library is closed: its code may run yet.
void keep_mapped(const std::filesystem::path& file);

}  // namespace bdevkit::host
