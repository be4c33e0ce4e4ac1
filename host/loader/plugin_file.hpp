// SPDX-License-Identifier: BSD-3-Clause
// Inspects and opens one plugin file.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "loader/elf_look.hpp"
#include "loader/module_info.hpp"

namespace boost::dll {
class shared_library;
}

namespace bdevkit::host {

struct PluginFile {
    std::shared_ptr<boost::dll::shared_library> library;
    std::vector<ModuleInfo> modules;  ///< at least one

    /// The module of that name, or nullptr. An empty name means the first.
    const ModuleInfo* find(std::string_view module_name) const;
};

/// [any thread] Inspects a file that may be a plugin. Only root and the user may be able to change it and the
/// libraries that it loads, and it must be a shared object for this machine with the entry symbol and our
/// ABI. No code of the file runs. The error is one line that says why the file is refused.
tl::expected<EntrySymbol, std::string> look_at_file(const std::filesystem::path& file);

/// [main thread] Inspects the file and opens it, which runs its constructors. If they do not return, the log
/// names the file; if they end the process, the file is named on standard error. The error is one line that
/// says why the file is refused.
tl::expected<PluginFile, std::string> open_plugin(const std::filesystem::path& file);

/// [main thread] Keeps the file mapped when its library is closed, because its code may still run.
void keep_mapped(const std::filesystem::path& file);

}  // namespace bdevkit::host
