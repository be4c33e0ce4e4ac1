// SPDX-License-Identifier: BSD-3-Clause
// The look at a plugin's file before any of its code runs.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

#include "loader/elf_file.hpp"

namespace bdevkit::host {

/// What the module table says as it stands in the file. All zero and empty when constructors fill it in.
struct EntrySymbol {
    uint32_t abi_major = 0;
    uint32_t abi_minor = 0;
    uint32_t table_size = 0;
    uint32_t flags = 0;        ///< BDK_MODULE_*
    std::string module_name;   ///< empty: not known before it is loaded
    bool examines = false;     ///< it has examine_config or examine_disk
    uint64_t symbol_size = 0;  ///< bytes the linker gave the symbol; 0: not known
};

/// [any thread] Reads the entry symbol of a shared object without loading it. The error says what the file is
/// instead of a plugin.
///
/// boost::dll::library_info would be the tool, but that of Boost 1.74 reads the symbol table that `strip`
/// removes, so that it finds nothing in a plugin from a distribution's package, and it cannot tell the ABI.
tl::expected<EntrySymbol, std::string> look_at_plugin(const ElfFile& file);

}  // namespace bdevkit::host
