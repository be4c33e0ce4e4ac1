// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "loader/elf_file.hpp"

namespace bdevkit::host {

/// [any thread] The reason why the libraries that the dynamic linker would load with the file must not be
/// loaded: DT_RPATH or DT_RUNPATH names a folder that others can write, or a library found there, or one of
/// its libraries, cannot be trusted (see open_trusted()). The system's folders belong to root and are not
/// checked; LD_LIBRARY_PATH is the user's own choice. @param path of the file, for $ORIGIN @return empty when
/// they may be loaded
std::optional<std::string> why_dependencies_untrusted(const ElfFile& file, const std::filesystem::path& path);

}  // namespace bdevkit::host
