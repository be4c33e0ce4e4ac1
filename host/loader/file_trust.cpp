// SPDX-License-Identifier: BSD-3-Clause
#include "loader/file_trust.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/limit_text.hpp"
#include "loader/path_walk.hpp"

namespace bdevkit::host {
namespace {

/// The path, quoted for a shell.
std::string shell_word(const std::filesystem::path& path) {
    const std::string& text = path.native();
    const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || std::strchr("/._-+@:,", c) != nullptr;
    });
    if (plain) return text;
    std::string quoted = "'";
    for (char c : text)
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

std::string user_name(uid_t uid) {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? found->pw_name : fmt::format("{}", uid);
}

std::string group_name(gid_t gid) {
    std::array<char, 4096> buffer{};
    group entry{};
    group* found = nullptr;
    getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? found->gr_name : fmt::format("{}", gid);
}

bool others_can_write(const struct stat& status) {
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

bool is_ours(const struct stat& status) {
    return status.st_uid == 0 || status.st_uid == geteuid();
}

/// @param what  "the file" or "its folder"
std::string writable_refusal(const struct stat& status, const std::filesystem::path& path, const char* what) {
    const bool group = (status.st_mode & S_IWGRP) != 0;
    const bool everybody = (status.st_mode & S_IWOTH) != 0;
    const char* bits = group && everybody ? "go-w" : group ? "g-w" : "o-w";
    return fmt::format("{} can write {} {} (mode {:04o}), refused; to fix it: chmod {} {}",
                       everybody ? "everybody" : "the group " + group_name(status.st_gid), what,
                       path.native(), status.st_mode & 07777, bits, shell_word(path));
}

std::string owner_refusal(const struct stat& status, const std::filesystem::path& path, const char* what) {
    return fmt::format(
        "{} {} belongs to the user {}, who is neither root nor you, refused; to fix it: "
        "chown {} {}",
        what, path.native(), user_name(status.st_uid), user_name(geteuid()), shell_word(path));
}

std::string cannot_be_read(int error) {
    return "cannot be read: " + bdk::errno_text_with_limit(error);
}

/// Checks the current folder of the walk, and whether others could replace the entry that was found there.
std::optional<std::string> why_step_untrusted(const PathWalk& walk) {
    const struct stat& folder = walk.folder();
    const char* what = walk.is_last() ? "its folder" : "the folder";
    if (!is_ours(folder)) return owner_refusal(folder, walk.folder_path(), what);
    if (!others_can_write(folder)) return std::nullopt;
    const bool sticky = (folder.st_mode & S_ISVTX) != 0;
    if (walk.is_last() || !sticky || walk.error() != 0)
        return writable_refusal(folder, walk.folder_path(), what);
    // In a sticky folder only the owner of an entry may replace it.
    if (is_ours(walk.found())) return std::nullopt;
    return owner_refusal(walk.found(), walk.found_path(), S_ISLNK(walk.found().st_mode) ? "the link" : what);
}

/// Walks to the end of the path, or to an error.
std::optional<std::string> why_way_untrusted(PathWalk& walk) {
    while (walk.next())
        if (auto reason = why_step_untrusted(walk)) return reason;
    return std::nullopt;
}

std::filesystem::path absolute_path(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::absolute(path, error);
}

}  // namespace

tl::expected<bdk::UniqueFd, std::string> open_trusted(const std::filesystem::path& file) {
    PathWalk walk(absolute_path(file));
    if (auto reason = why_way_untrusted(walk)) return tl::unexpected(*std::move(reason));
    if (walk.error() != 0) return tl::unexpected(cannot_be_read(walk.error()));
    if (!S_ISREG(walk.found().st_mode)) return tl::unexpected(std::string("is not a regular file"));
    // No other user can have replaced the file since.
    bdk::UniqueFd fd(openat(walk.folder_fd(), walk.found_name().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!fd || fstat(fd.get(), &status) != 0) return tl::unexpected(cannot_be_read(errno));
    if (others_can_write(status))
        return tl::unexpected(writable_refusal(status, walk.found_path(), "the file"));
    if (!is_ours(status)) return tl::unexpected(owner_refusal(status, walk.found_path(), "the file"));
    return fd;
}

std::optional<std::string> why_folder_untrusted(const std::filesystem::path& folder) {
    PathWalk walk(absolute_path(folder) / "any");
    if (auto reason = why_way_untrusted(walk)) return reason;
    switch (walk.error()) {
        case 0:
        case ENOTDIR:
            return std::nullopt;
        case ENOENT:
            return why_step_untrusted(walk);
        default:
            return cannot_be_read(walk.error());
    }
}

}  // namespace bdevkit::host
