// SPDX-License-Identifier: BSD-3-Clause
// A plugin runs with all the rights of the host: only root and the host's user may be able to change it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace bdevkit::host {

/// [any thread] Why the file must not be opened: somebody else owns or can write it, or the folder it is in
/// (for a symbolic link, the folders of link and target). Says who, and the command that mends it. Nothing
/// when it may be opened.
std::optional<std::string> why_untrusted(const std::filesystem::path& file);

}  // namespace bdevkit::host
