// SPDX-License-Identifier: BSD-3-Clause
// The look at a plugin's file before any of its code runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>

namespace bdevkit::host {

/// The head of the module table as it stands in the file. All zero when constructors fill it in.
struct EntrySymbol {
    uint32_t abi_major = 0;
    uint32_t abi_minor = 0;
    uint32_t table_size = 0;
    uint64_t symbol_size = 0;  ///< bytes the linker gave the symbol; 0: not known
};

/// [any thread] Reads the entry symbol of a shared object without loading it. The error says what the file is
/// instead of a plugin for this machine.
///
/// boost::dll::library_info would be the tool, but that of Boost 1.74 reads the symbol table that `strip`
/// removes, so that it finds nothing in a plugin from a distribution's package, and it cannot tell the ABI.
tl::expected<EntrySymbol, std::string> look_at_plugin(const std::filesystem::path& file);

}  // namespace bdevkit::host
