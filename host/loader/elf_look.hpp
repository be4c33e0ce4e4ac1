// SPDX-License-Identifier: BSD-3-Clause
// Inspects a plugin's file before any of its code runs.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "loader/elf_file.hpp"

namespace bdevkit::host {

/// A module's table as stored in the file.
struct ModuleLook {
    std::string name;       ///< empty: not known before the plugin is loaded
    uint32_t flags = 0;     ///< BDK_MODULE_*
    bool examines = false;  ///< it has examine_config or examine_disk
};

/// The plugin's list as stored in the file. All zero and empty when constructors fill it in.
struct EntrySymbol {
    uint32_t abi_major = 0;
    uint32_t abi_minor = 0;
    uint32_t abi_draft = 0;
    uint32_t table_size = 0;
    uint64_t symbol_size = 0;         ///< size of the symbol in bytes; 0: not known
    std::vector<ModuleLook> modules;  ///< empty: not known before the plugin is loaded
};

/// [any thread] Reads the entry symbol of a shared object without loading it. The error says why the file is
/// not a plugin.
///
/// boost::dll::library_info is not used: in Boost 1.74 it reads the symbol table that `strip` removes, so it
/// finds nothing in a plugin from a distribution's package, and it cannot read the ABI version.
tl::expected<EntrySymbol, std::string> look_at_plugin(const ElfFile& file);

}  // namespace bdevkit::host
