// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "loader/elf_file.hpp"

namespace bdevkit::host {

/// [any thread] Why the libraries that the dynamic linker would load with the file must not be loaded:
/// DT_RPATH or DT_RUNPATH names a folder that others can write, a library found there is not to be trusted
/// (see open_trusted()), or a library of that library is not. The system's own folders are root's, and not
/// looked at; LD_LIBRARY_PATH is the user's own word.
/// @param path  of the file, for $ORIGIN
/// @return nothing when they may be loaded
std::optional<std::string> why_dependencies_untrusted(const ElfFile& file, const std::filesystem::path& path);

}  // namespace bdevkit::host
