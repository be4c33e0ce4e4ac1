// SPDX-License-Identifier: BSD-3-Clause
#include "loader/path_walk.hpp"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace bdevkit::host {

namespace {

constexpr int most_links = 40;  // as the kernel

}  // namespace

PathWalk::PathWalk(const std::filesystem::path& path) {
    go_to_root();
    push(path);
}

void PathWalk::go_to_root() {
    folder_fd_ = bdk::UniqueFd(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    folder_path_ = "/";
    if (!folder_fd_ || fstat(folder_fd_.get(), &folder_) != 0) fail(errno);
}

/// Inserts the parts of a path before the remaining ones.
void PathWalk::push(const std::filesystem::path& path) {
    std::vector<std::string> parts;
    for (const std::filesystem::path& part : path.relative_path())
        if (!part.empty() && part != ".") parts.push_back(part);
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
        left_.push_front(std::move(*part));
}

bool PathWalk::fail(int error) {
    error_ = error;
    return false;
}

bool PathWalk::next() {
    if (error_ != 0) return false;
    if (found_fd_) {
        if (S_ISLNK(found_.st_mode)) {
            if (!follow()) return false;
        } else if (!left_.empty()) {
            enter();
        }
    }
    if (left_.empty()) return false;
    found_name_ = std::move(left_.front());
    left_.pop_front();
    last_ = left_.empty();
    found_fd_ = bdk::UniqueFd(openat(folder_fd_.get(), found_name_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!found_fd_ || fstat(found_fd_.get(), &found_) != 0) return fail(errno);
    if (!last_ && !S_ISDIR(found_.st_mode) && !S_ISLNK(found_.st_mode)) return fail(ENOTDIR);
    return true;
}

/// Enters the folder that was found.
void PathWalk::enter() {
    folder_path_ = found_name_ == ".." ? folder_path_.parent_path() : folder_path_ / found_name_;
    folder_fd_ = std::move(found_fd_);
    found_fd_ = {};
    folder_ = found_;
}

bool PathWalk::follow() {
    if (++links_ > most_links) return fail(ELOOP);
    std::array<char, PATH_MAX> target{};
    const ssize_t length = readlinkat(found_fd_.get(), "", target.data(), target.size());
    if (length < 0) return fail(errno);
    found_fd_ = {};
    const std::filesystem::path path(std::string(target.data(), static_cast<size_t>(length)));
    if (path.is_absolute()) go_to_root();
    push(path);
    return error_ == 0;
}

}  // namespace bdevkit::host
