// SPDX-License-Identifier: BSD-3-Clause
#include "loader/file_trust.hpp"

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

namespace bdevkit::host {
namespace {

/// The path as a shell reads it.
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

/// @param what  "the file" or "its folder"
std::optional<std::string> why_others_can_write(const std::filesystem::path& path, const char* what) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0)
        return fmt::format("cannot look at {} {}: {}", what, path.native(),
                           std::generic_category().message(errno));

    const bool group = (status.st_mode & S_IWGRP) != 0;
    const bool everybody = (status.st_mode & S_IWOTH) != 0;
    if (group || everybody) {
        const char* bits = group && everybody ? "go-w" : group ? "g-w" : "o-w";
        return fmt::format("{} can write {} {} (mode {:04o}), refused; to mend it: chmod {} {}",
                           everybody ? "everybody" : "the group " + group_name(status.st_gid), what,
                           path.native(), status.st_mode & 07777, bits, shell_word(path));
    }
    if (status.st_uid != 0 && status.st_uid != geteuid())
        return fmt::format(
            "{} {} belongs to the user {}, who is neither root nor you, refused; to mend it: "
            "chown {} {}",
            what, path.native(), user_name(status.st_uid), user_name(geteuid()), shell_word(path));
    return std::nullopt;
}

}  // namespace

std::optional<std::string> why_untrusted(const std::filesystem::path& file) {
    if (auto reason = why_others_can_write(file, "the file")) return reason;
    const std::filesystem::path folder = file.parent_path();
    if (auto reason = why_others_can_write(folder, "its folder")) return reason;

    std::error_code error;
    const std::filesystem::path target = std::filesystem::canonical(file, error);
    if (error) return fmt::format("cannot be resolved: {}", error.message());
    if (target.parent_path() == folder) return std::nullopt;
    return why_others_can_write(target.parent_path(), "its folder");
}

}  // namespace bdevkit::host
