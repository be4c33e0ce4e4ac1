// SPDX-License-Identifier: BSD-3-Clause
// A plugin runs with all the rights of the host. So only root and the host's user may be able to change it,
// or to make its path mean another file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/unique_fd.hpp"

namespace bdevkit::host {

/// [any thread] Opens a file for reading if it may be trusted. The path is walked from the root on, one
/// descriptor for each folder, through symbolic links. Every folder on the way must belong to root or to the
/// host's user, and nobody else may write it. A folder above may have the sticky bit instead, as /tmp has, if
/// what comes next on the path is root's or the user's. The folder of the file itself may not, since others
/// could put files into it.
///
/// Whatever has passed stays what it is: nobody but root and the user can put another file at the path, so
/// the path may be used to load the file.
/// @return the descriptor; or one line that says who can change what, with the command that mends it
tl::expected<bdk::UniqueFd, std::string> open_trusted(const std::filesystem::path& file);

/// [any thread] Why libraries must not be taken from the folder: as for the folder of a file. A folder that
/// is not there is trusted if nobody else could make it.
std::optional<std::string> why_folder_untrusted(const std::filesystem::path& folder);

}  // namespace bdevkit::host
