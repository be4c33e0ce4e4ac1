// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/stat.h>

#include <deque>
#include <filesystem>
#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace bdevkit::host {

/// Walks a path as the kernel does. For each step it provides the descriptor and path of the folder, and the
/// entry found there. It follows symbolic links itself, so that every step is visible.
///
///     PathWalk walk("/opt/plugins/raid.so");
///     while (walk.next()) ...  // folder(), found(), is_last()
///     if (walk.error() == 0) ... walk.folder_fd(), walk.found_path()
class PathWalk {
public:
    /// @param path  absolute
    explicit PathWalk(const std::filesystem::path& path);

    /// Looks up the next part of the path. @return false at the end and at an error
    bool next();

    /// An errno; 0: no error.
    int error() const { return error_; }

    /// The folder of the last look-up, and its path, which has no link in it.
    const struct stat& folder() const { return folder_; }
    const std::filesystem::path& folder_path() const { return folder_path_; }
    int folder_fd() const { return folder_fd_.get(); }

    /// The entry found there; may be a symbolic link. With error() ENOENT only its name is set.
    const struct stat& found() const { return found_; }
    std::filesystem::path found_path() const { return folder_path_ / found_name_; }
    const std::string& found_name() const { return found_name_; }
    /// Whether the entry is the last part of the path, or a link at the end of the path.
    bool is_last() const { return last_; }

private:
    void go_to_root();
    void push(const std::filesystem::path& path);
    void enter();
    bool follow();
    bool fail(int error);

    std::deque<std::string> left_;  ///< the remaining parts of the path
    bdk::UniqueFd folder_fd_, found_fd_;
    struct stat folder_ {};
    struct stat found_ {};
    std::filesystem::path folder_path_;
    std::string found_name_;
    bool last_ = false;
    int links_ = 0;
    int error_ = 0;
};

}  // namespace bdevkit::host
