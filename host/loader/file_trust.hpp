// SPDX-License-Identifier: BSD-3-Clause
// A plugin runs with all the rights of the host. So only root and the host's user may be able to change its
// file or to replace it by another file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/unique_fd.hpp"

namespace bdevkit::host {

/// [any thread] Opens a file for reading if it may be trusted. The path is walked from the root on, one
/// descriptor for each folder, through symbolic links. Every folder on the way must belong to root or to the
/// host's user, and no other user may be able to write to it. As an exception, a folder further up may have
/// the sticky bit, as /tmp has, if the next entry on the path belongs to root or the user. The exception does
/// not apply to the folder of the file itself, since others could add files there.
///
/// The result stays valid: only root and the user can put another file at the path, so the path may be used
/// to load the file. @return the descriptor; or one line that says who can change the file or folder, with
/// the command that fixes it
tl::expected<bdk::UniqueFd, std::string> open_trusted(const std::filesystem::path& file);

/// [any thread] The reason why libraries must not be loaded from the folder; the rules are those for the
/// folder of a file. A missing folder is trusted if no other user could create it.
std::optional<std::string> why_folder_untrusted(const std::filesystem::path& folder);

}  // namespace bdevkit::host
